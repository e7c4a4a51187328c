//! The cases of `hostile_files`, by what they are read as.

pub mod generations;
pub mod policies;
pub mod states;
