//! Wrappers: environments that change one thing about another.

mod episode_statistics;
mod frame_stack;
mod recorder;
mod repeat_action;
mod rescale_action;
mod rescale_observation;
mod scale_reward;
mod time_limit;

pub use episode_statistics::{EpisodeStatistics, EpisodeTotals};
pub use frame_stack::FrameStack;
pub use recorder::{RecordedEpisode, Recorder};
pub use repeat_action::RepeatAction;
pub use rescale_action::RescaleAction;
pub use rescale_observation::RescaleObservation;
pub use scale_reward::ScaleReward;
pub use time_limit::TimeLimit;
