mod compiled;
pub(in crate::policy::export) mod kinds;
mod source;
