//! Saved states: named arrays of an agent, an environment or a noise process, for checkpoints.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde_json::{Map, Value};

mod array;
mod error;
mod file;
pub(crate) mod parameters;
mod stack;

pub use array::Element;
use array::{Array, Values};
pub use error::StateError;
pub use file::FileError;
pub use parameters::{load_parameters, save_parameters};
pub(crate) use stack::States;

/// Largest count that is accepted: no program reaches it, and adding to it does not overflow.
const MAX_COUNT: u64 = 1 << 53;

/// Longest configuration that is read, in bytes: a parsed one takes up to 100 times as much memory.
const MAX_CONFIG: usize = 64 * 1024;

/// A value whose state can be saved and restored exactly.
///
/// The state has what changes, not the settings. To load a state, first build the value with the settings of the saved one.
/// [`load_state`](Self::load_state) returns an error for the state of another value.
///
/// # Contract
///
/// - After `b.load_state(a.save_state()?)`, the same calls on `a` and `b` give the same bits from then on.
/// - A refused state leaves the value unchanged.
///
/// # Examples
///
/// ```
/// use actor_critic::state::{SaveState, State, StateError};
///
/// struct Counter {
///     step: u64,
///     count: u64,
/// }
///
/// impl SaveState for Counter {
///     fn save_state(&self) -> Result<State, StateError> {
///         let mut state = State::new();
///         state.put("step", self.step);
///         state.put("count", self.count);
///         Ok(state)
///     }
///
///     fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
///         state.expect("step", self.step)?;
///         let count = state.take("count")?;
///         state.finish()?;
///         self.count = count;
///         Ok(())
///     }
/// }
///
/// let saved = Counter { step: 2, count: 6 }.save_state()?;
/// let mut counter = Counter { step: 2, count: 0 };
/// counter.load_state(saved.clone())?;
/// assert_eq!(counter.count, 6);
/// let error = Counter { step: 5, count: 0 }.load_state(saved).unwrap_err();
/// assert_eq!(error.to_string(), "`step` must be the same as when the state was saved: 2 then, 5 now");
/// # Ok::<(), StateError>(())
/// ```
pub trait SaveState {
    /// Returns everything that decides future results, except settings.
    ///
    /// # Errors
    ///
    /// [`StateError::Unsupported`] if a part cannot be saved.
    fn save_state(&self) -> Result<State, StateError>;

    /// Restores a state from [`save_state`](Self::save_state).
    ///
    /// # Errors
    ///
    /// [`StateError`] names what does not fit; nothing is changed then.
    fn load_state(&mut self, state: State) -> Result<(), StateError>;
}

impl<T: SaveState + ?Sized> SaveState for &mut T {
    fn save_state(&self) -> Result<State, StateError> {
        (**self).save_state()
    }

    fn load_state(&mut self, state: State) -> Result<(), StateError> {
        (**self).load_state(state)
    }
}

impl<T: SaveState + ?Sized> SaveState for Box<T> {
    fn save_state(&self) -> Result<State, StateError> {
        (**self).save_state()
    }

    fn load_state(&mut self, state: State) -> Result<(), StateError> {
        (**self).load_state(state)
    }
}

/// Named arrays of f32, f64 or u64, and texts.
///
/// Names are sorted. Names of a part start with the name of the part and a dot. Putting the same name twice is a bug and
/// panics. Taking removes an array, so [`finish`](Self::finish) finds arrays that were not taken.
///
/// # Examples
///
/// ```
/// use actor_critic::state::State;
///
/// let mut state = State::new();
/// state.put("steps", 7_u64);
/// state.put_array("position", &[2], vec![0.5_f32, -0.5]);
///
/// let steps: u64 = state.take("steps")?;
/// let position: Vec<f32> = state.take_array("position", &[2])?;
/// state.finish()?; // an error if something was not taken
/// assert_eq!((steps, position), (7, vec![0.5, -0.5]));
/// # Ok::<(), actor_critic::state::StateError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    arrays: BTreeMap<String, Array>,
}

impl State {
    /// Makes a state without arrays.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts one number.
    ///
    /// # Panics
    ///
    /// Panics if the name is taken.
    pub fn put<T: Element>(&mut self, name: &str, value: T) {
        self.put_array(name, &[], vec![value]);
    }

    /// Puts numbers, row by row.
    ///
    /// # Panics
    ///
    /// Panics if the name is taken, or the shape has another number of elements.
    pub fn put_array<T: Element>(&mut self, name: &str, shape: &[usize], values: Vec<T>) {
        assert_eq!(
            shape.iter().product::<usize>(),
            values.len(),
            "`{name}` must have as many values as its shape says"
        );
        self.insert(name.to_owned(), Array { shape: shape.to_vec(), values: T::wrap(values) });
    }

    /// Puts a text, such as the name of an algorithm.
    ///
    /// # Panics
    ///
    /// Panics if the name is taken.
    pub fn put_text(&mut self, name: &str, text: impl Into<String>) {
        let text = text.into();
        self.insert(name.to_owned(), Array { shape: vec![text.len()], values: Values::Text(text) });
    }

    /// Puts a random stream, at its position.
    ///
    /// # Panics
    ///
    /// Panics if the name is taken.
    pub fn put_rng(&mut self, name: &str, rng: &ChaCha8Rng) {
        let mut words: Vec<u64> = words_of(&rng.get_seed()).to_vec();
        let position = rng.get_word_pos();
        words.extend([rng.get_stream(), position as u64, (position >> 64) as u64]);
        self.put_array(name, &[words.len()], words);
    }

    /// Puts the state of a part.
    ///
    /// # Panics
    ///
    /// Panics if a name is taken.
    pub fn put_state(&mut self, part: &str, state: State) {
        for (name, array) in state.arrays {
            self.insert(format!("{part}.{name}"), array);
        }
    }

    fn insert(&mut self, name: String, array: Array) {
        let before = self.arrays.insert(name, array);
        assert!(before.is_none(), "two arrays of a state must not have one name");
    }

    /// Takes one number.
    ///
    /// # Errors
    ///
    /// [`StateError::Missing`], [`StateError::Kind`] or [`StateError::Shape`].
    pub fn take<T: Element>(&mut self, name: &str) -> Result<T, StateError> {
        Ok(self.take_array(name, &[])?[0])
    }

    /// Takes one number that counts something in memory.
    pub(crate) fn take_count(&mut self, name: &str) -> Result<usize, StateError> {
        let count: u64 = self.take(name)?;
        if count > MAX_COUNT {
            return Err(StateError::invalid(name, format!("a count of at most {MAX_COUNT}"), count));
        }
        usize::try_from(count).map_err(|_| StateError::invalid(name, format!("at most {}", usize::MAX), count))
    }

    /// Takes one number that is 0 or 1, as a boolean.
    pub(crate) fn take_flag(&mut self, name: &str) -> Result<bool, StateError> {
        match self.take::<u64>(name)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(StateError::invalid(name, "0 or 1", other)),
        }
    }

    /// Takes numbers of a known shape.
    ///
    /// # Errors
    ///
    /// [`StateError::Missing`], [`StateError::Kind`] or [`StateError::Shape`].
    pub fn take_array<T: Element>(&mut self, name: &str, shape: &[usize]) -> Result<Vec<T>, StateError> {
        let array = self.remove(name)?;
        if array.shape != shape {
            return Err(StateError::Shape { name: name.into(), expected: shape.to_vec(), found: array.shape });
        }
        T::unwrap(array.values).map_err(|found| StateError::Kind {
            name: name.into(),
            expected: T::KIND,
            found: found.kind(),
        })
    }

    /// Takes numbers in one row of any length.
    ///
    /// # Errors
    ///
    /// [`StateError::Missing`], [`StateError::Kind`], or [`StateError::Shape`] if it is not one row.
    pub fn take_row<T: Element>(&mut self, name: &str) -> Result<Vec<T>, StateError> {
        let shape = self.shape(name)?;
        let count = shape.iter().product();
        self.take_array(name, &[count])
    }

    /// Takes a random stream, which must have the seed and the stream of `here`.
    ///
    /// # Errors
    ///
    /// [`StateError::Seed`] if the seed differs; [`StateError::Missing`], [`StateError::Kind`], [`StateError::Shape`], or
    /// [`StateError::Invalid`] if its position is invalid.
    pub fn take_rng(&mut self, name: &str, here: &ChaCha8Rng) -> Result<ChaCha8Rng, StateError> {
        let words: Vec<u64> = self.take_array(name, &[7])?;
        if words[..4] != words_of(&here.get_seed()) || words[4] != here.get_stream() {
            return Err(StateError::Seed { name: name.into() });
        }
        let position = u128::from(words[6]) << 64 | u128::from(words[5]);
        if position >= 1 << 68 {
            return Err(StateError::invalid(name, "a position below 2^68", position));
        }
        let mut rng = ChaCha8Rng::from_seed(here.get_seed());
        rng.set_stream(here.get_stream());
        rng.set_word_pos(position);
        Ok(rng)
    }

    /// Takes a text.
    ///
    /// # Errors
    ///
    /// [`StateError::Missing`] or [`StateError::Kind`].
    pub fn take_text(&mut self, name: &str) -> Result<String, StateError> {
        match self.remove(name)?.values {
            Values::Text(text) => Ok(text),
            other => Err(StateError::Kind { name: name.into(), expected: "text", found: other.kind() }),
        }
    }

    /// Takes one number and requires it to equal `here`.
    ///
    /// # Errors
    ///
    /// [`StateError::Differs`] if it differs; else as [`take`](Self::take).
    pub fn expect<T: Element>(&mut self, name: &str, here: T) -> Result<(), StateError> {
        let saved: T = self.take(name)?;
        if saved == here { Ok(()) } else { Err(StateError::differs(name, saved, here)) }
    }

    /// Takes a text and requires it to equal `here`.
    ///
    /// # Errors
    ///
    /// [`StateError::Differs`] if it differs; else as [`take_text`](Self::take_text).
    pub fn expect_text(&mut self, name: &str, here: &str) -> Result<(), StateError> {
        let saved = self.take_text(name)?;
        if saved == here { Ok(()) } else { Err(StateError::differs(name, saved, here)) }
    }

    /// Takes the state of a part: every array whose name starts with `part` and a dot. Empty if there are none.
    #[must_use]
    pub fn take_state(&mut self, part: &str) -> State {
        let prefix = format!("{part}.");
        let names: Vec<String> = self
            .arrays
            .range(prefix.clone()..)
            .map(|(name, _)| name.clone())
            .take_while(|name| name.starts_with(&prefix))
            .collect();
        let arrays = names.into_iter().filter_map(|name| {
            let array = self.arrays.remove(&name)?;
            Some((name[prefix.len()..].to_owned(), array))
        });
        State { arrays: arrays.collect() }
    }

    /// Requires that all arrays have been taken.
    ///
    /// # Errors
    ///
    /// [`StateError::Unexpected`] names the first array that was not taken.
    pub fn finish(self) -> Result<(), StateError> {
        match self.arrays.into_keys().next() {
            Some(name) => Err(StateError::Unexpected { name }),
            None => Ok(()),
        }
    }

    /// Returns the shape of an array; of a text, its length in bytes.
    ///
    /// # Errors
    ///
    /// [`StateError::Missing`].
    pub fn shape(&self, name: &str) -> Result<&[usize], StateError> {
        self.arrays
            .get(name)
            .map(|array| array.shape.as_slice())
            .ok_or_else(|| StateError::Missing { name: name.into() })
    }

    /// Returns the names of all arrays, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// Returns a text without taking it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match &self.arrays.get(name)?.values {
            Values::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Sets fields of a configuration, a text of JSON, to their present values; does nothing if the text is not a configuration.
    pub(crate) fn replace_settings(&mut self, name: &str, here: &Value, fields: &[String]) {
        let text = self.text(name).filter(|text| text.len() <= MAX_CONFIG);
        let Some(Ok(mut saved)) = text.map(serde_json::from_str::<Map<String, Value>>) else { return };
        for field in fields {
            match here.get(field) {
                Some(value) => drop(saved.insert(field.clone(), value.clone())),
                None => drop(saved.remove(field)),
            }
        }
        self.arrays.remove(name);
        self.put_text(name, Value::Object(saved).to_string());
    }

    /// Requires every number to be finite.
    pub(crate) fn check_finite(&self) -> Result<(), StateError> {
        self.arrays.iter().try_for_each(|(name, array)| match array.values.first_non_finite() {
            Some((index, value)) => Err(StateError::NonFinite { name: name.clone(), index, value }),
            None => Ok(()),
        })
    }

    /// Returns the name of the first array that only one of the two states has, or that differs.
    pub(crate) fn first_difference<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
        self.names().chain(other.names()).find(|&name| self.arrays.get(name) != other.arrays.get(name))
    }

    /// Renames or removes an array.
    pub(crate) fn rename(&mut self, name: &str, other: Option<String>) {
        let array = self.arrays.remove(name);
        self.arrays.extend(other.zip(array));
    }

    fn remove(&mut self, name: &str) -> Result<Array, StateError> {
        self.arrays.remove(name).ok_or_else(|| StateError::Missing { name: name.into() })
    }
}

/// Requires two configurations, as JSON, to be equal, and names the first field that is not.
///
/// A field that `saved` lacks, at any depth, is newer than the file; its saved value is then that of `default`.
pub(crate) fn expect_same_config(name: &str, saved: &str, here: &str, default: &str) -> Result<(), StateError> {
    let parse = |text: &str| {
        if text.len() > MAX_CONFIG {
            return Err(StateError::invalid(name, format!("at most {MAX_CONFIG} bytes of configuration"), text.len()));
        }
        let parsed = serde_json::from_str::<Map<String, Value>>(text);
        parsed.map_err(|error| StateError::invalid(name, "a configuration as JSON", error))
    };
    let (saved, here, default) = (parse(saved)?, parse(here)?, parse(default)?);
    let text = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::to_string);
    for field in saved.keys().chain(here.keys()) {
        let (saved, here, default) = (saved.get(field), here.get(field), default.get(field));
        if !is_same(saved, here, default) {
            return Err(StateError::differs(&format!("{name}.{field}"), text(saved.or(default)), text(here)));
        }
    }
    Ok(())
}

/// Returns whether two settings are equal, where one that is newer than `saved` counts as that of `default`.
fn is_same(saved: Option<&Value>, here: Option<&Value>, default: Option<&Value>) -> bool {
    match (saved, here) {
        (Some(Value::Object(saved)), Some(Value::Object(here))) => {
            let of_default = |field: &String| default.and_then(|default| default.get(field));
            let mut fields = saved.keys().chain(here.keys());
            fields.all(|field| is_same(saved.get(field), here.get(field), of_default(field)))
        }
        (saved, here) => saved.or(default) == here,
    }
}

/// Reads 32 bytes as four little-endian words.
fn words_of(seed: &[u8; 32]) -> [u64; 4] {
    std::array::from_fn(|i| u64::from_le_bytes(std::array::from_fn(|j| seed[8 * i + j])))
}

#[cfg(test)]
mod tests;
