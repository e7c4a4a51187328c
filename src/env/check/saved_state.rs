//! Tests of the contract of [`SaveState`] for environments.

use super::{Checker, ContractViolation, Episode, Moment, Play, Rule, SEEDS, difference, failed, require, violation};
use crate::env::{Environment, EnvironmentError, Step};
use crate::rng::{Seed, Stream};
use crate::state::{SaveState, State, StateError};
use std::collections::BTreeSet;
use std::ops::Range;

/// Tests the contract of [`SaveState`] for an environment, and returns the first rule that is broken.
///
/// Saves at the start of an episode, in the middle, before its last step and after it, with three seeds. Loads each state after
/// other episodes, finished and not, and requires the same bits from there on. Then it loads states that are not the
/// environment's own: with an array removed, added, or renamed. [`Rule`] lists what it tests.
///
/// Call [`check_environment`](super::check_environment) first: this test assumes that episodes repeat. Pass a fresh
/// environment: its state before the first reset is one of those that are saved.
///
/// # Errors
///
/// [`ContractViolation`], with the rule, the values and the step.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Pendulum, check_saved_state};
///
/// check_saved_state(&mut Pendulum::v1())?;
/// # Ok::<(), actor_critic::env::ContractViolation>(())
/// ```
pub fn check_saved_state<E: Environment + SaveState + Send + ?Sized>(env: &mut E) -> Result<(), ContractViolation> {
    let mut checker = Checker::new(env)?;
    checker.refuses_a_step_before_reset()?;
    let fresh = checker.save(Moment::BeforeReset)?;
    for seed in SEEDS {
        let saved = checker.saves_an_episode(seed)?;
        checker.goes_on_from(&saved, &fresh)?;
        checker.refuses_foreign_states(&saved, &fresh)?;
    }
    Ok(())
}

/// An episode, and the states that were saved after a number of its steps.
struct Saved {
    episode: Episode,
    states: Vec<(usize, State)>,
}

/// The past of an environment before a state is loaded into it.
#[derive(Debug, Clone, Copy)]
enum Past {
    Fresh,
    MidEpisode,
    Ended,
}

impl<E: Environment + SaveState + ?Sized> Checker<'_, E> {
    /// Plays the episode of `seed` without a save, and again with saves in between.
    fn saves_an_episode(&mut self, seed: u64) -> Result<Saved, ContractViolation> {
        let episode = self.play(seed, Play::Uniform)?;
        let len = episode.steps.len();
        let evenly = (0..=8).map(|i| i * len / 8);
        let moments: BTreeSet<usize> = evenly.chain([1, len - 1]).collect();
        let mut states = Vec::new();
        let mut taken = 0;
        self.reset(seed)?;
        for moment in moments {
            self.go_on(&episode, taken..moment, Rule::SaveHasNoEffect)?;
            states.push((moment, self.save(episode.moment(moment))?));
            taken = moment;
        }
        self.go_on(&episode, len..len, Rule::SaveHasNoEffect)?;
        Ok(Saved { episode, states })
    }

    /// Loads each state after each kind of past, and plays the rest of the episode.
    fn goes_on_from(&mut self, saved: &Saved, fresh: &State) -> Result<(), ContractViolation> {
        let Saved { episode, states } = saved;
        let len = episode.steps.len();
        // Without a saved state, it is unknown whether an episode is running.
        let stateless =
            states.iter().map(|(_, state)| state).chain([fresh]).all(|state| state.names().next().is_none());
        for (taken, state) in states.iter().filter(|(taken, _)| *taken < len || !stateless) {
            for past in [Past::Fresh, Past::MidEpisode, Past::Ended] {
                match past {
                    Past::Fresh => {
                        self.load(fresh, Moment::BeforeReset)?;
                        if !stateless {
                            let action = self.action_space.center();
                            self.refuses(&action, Rule::LoadGoesOn, Moment::BeforeReset)?;
                        }
                    }
                    Past::MidEpisode => {
                        self.play_for(len.div_ceil(2), episode.seed.wrapping_add(1), Play::Highest, None)?;
                    }
                    Past::Ended => {
                        self.play(episode.seed.wrapping_add(2), Play::Lowest)?;
                    }
                }
                self.load(state, episode.moment(*taken))?;
                self.go_on(episode, *taken..len, Rule::LoadGoesOn)?;
            }
        }
        // Between episodes, what remains is the next one.
        self.play(episode.seed, Play::Uniform)?.require_same(episode, Some(Rule::LoadGoesOn))
    }

    /// Loads foreign states in the middle of an episode, which must then continue unchanged.
    fn refuses_foreign_states(&mut self, saved: &Saved, fresh: &State) -> Result<(), ContractViolation> {
        let Saved { episode, states } = saved;
        // Those of another step, so that a part of one that is taken on shows.
        let (middle, len) = (states.len() / 2, episode.steps.len());
        let ((taken, here), (_, other)) = (&states[middle - 1], &states[middle]);
        let moment = episode.moment(*taken);
        let names_of = |state: &State| state.names().map(str::to_owned).collect::<Vec<_>>();
        let known: Vec<_> = states.iter().map(|(_, state)| state).chain([fresh]).map(names_of).collect();
        // One that has the arrays of another of its states may well be one of its states.
        for Foreign { rule, what, state } in foreign_states(other).filter(|it| !known.contains(&names_of(&it.state))) {
            self.load(here, moment)?;
            let before = self.save(moment)?;
            require(self.env.load_state(state).is_err(), rule, moment, || format!("no error for one {what}"))?;
            self.check_spaces(moment)?;
            let rule = Rule::RefusedStateHasNoEffect;
            let after = self.save(moment)?;
            if let Some(name) = before.first_difference(&after) {
                return Err(violation(rule, moment, format!("another `{name}` after one {what}")));
            }
            self.go_on(episode, *taken..len, rule).map_err(|violation| ContractViolation {
                found: format!("{} after one {what}", violation.found),
                ..violation
            })?;
        }
        Ok(())
    }

    /// Repeats some steps of `episode`, which must give the same bits; at its end, attempts another step.
    fn go_on(&mut self, episode: &Episode, steps: Range<usize>, rule: Rule) -> Result<(), ContractViolation> {
        let mut rng = Seed(episode.seed).stream(Stream::WarmUp);
        for (i, before) in episode.steps.iter().enumerate().take(steps.end) {
            let action = self.action_space.sample(&mut rng);
            if i < steps.start {
                continue;
            }
            let moment = episode.moment(i + 1);
            let now = self.env.step(&action).map_err(|error| failed(rule, moment, error))?;
            self.check_spaces(moment)?;
            if let Some((_, found)) = difference(before, &now) {
                return Err(violation(rule, moment, found));
            }
        }
        if steps.end == episode.steps.len() && episode.steps.last().is_some_and(Step::is_last) {
            let action = self.action_space.center();
            self.refuses(&action, rule, episode.moment(steps.end + 1))?;
        }
        Ok(())
    }

    /// Saves twice, which must give the same.
    fn save(&self, moment: Moment) -> Result<State, ContractViolation> {
        let save = || self.env.save_state().map_err(|error| unfit(Rule::SaveSucceeds, moment, error));
        let (first, second) = (save()?, save()?);
        first.to_bytes().map_err(|error| violation(Rule::SavedStateWritable, moment, format!("the error: {error}")))?;
        if let Some(name) = first.first_difference(&second) {
            return Err(violation(Rule::SaveRepeats, moment, format!("another `{name}`")));
        }
        self.check_spaces(moment)?;
        Ok(first)
    }

    fn load(&mut self, state: &State, moment: Moment) -> Result<(), ContractViolation> {
        self.env.load_state(state.clone()).map_err(|error| unfit(Rule::LoadSucceeds, moment, error))?;
        self.check_spaces(moment)
    }
}

impl Episode {
    /// Returns whether that many steps have been taken.
    fn moment(&self, taken: usize) -> Moment {
        match taken {
            0 => Moment::Reset { seed: self.seed },
            step => Moment::Step { seed: self.seed, step },
        }
    }
}

/// A state that must be refused.
struct Foreign {
    rule: Rule,
    what: String,
    state: State,
}

/// Lists states that are `own` with one change, and a state of something else.
fn foreign_states(own: &State) -> impl Iterator<Item = Foreign> {
    const STRANGE: &str = "";
    let each = own.names().flat_map(move |name| {
        let with = |other: Option<String>| {
            let mut state = own.clone();
            state.rename(name, other);
            state
        };
        let what = format!("with `{name}` under another name");
        [
            Foreign { rule: Rule::MissingArrayRefused, what: format!("without `{name}`"), state: with(None) },
            Foreign { rule: Rule::RenamedArrayRefused, what, state: with(Some(format!("{name}'"))) },
        ]
    });
    let strange = [
        (Rule::AddedArrayRefused, "with an array without a name", own.clone()),
        (Rule::ForeignStateRefused, "with nothing but an array without a name", State::new()),
    ];
    each.chain(strange.into_iter().map(|(rule, what, mut state)| {
        state.put(STRANGE, 0_u64);
        Foreign { rule, what: what.to_owned(), state }
    }))
}

fn unfit(rule: Rule, moment: Moment, error: StateError) -> ContractViolation {
    // Without quotes: the names in it have some.
    let found = format!("the error: {error}");
    ContractViolation { rule, moment, found, source: Some(EnvironmentError::other(error)) }
}
