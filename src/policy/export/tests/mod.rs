mod compiled;
pub(in crate::policy::export) mod kinds;
pub(in crate::policy::export) mod rare;
mod source;
