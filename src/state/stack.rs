//! Many states of one kind as one: a few long arrays instead of many short ones.
//!
//! The header of a file has a line for each array. So arrays with a name for each environment would not fit for more than some hundred environments.

use std::collections::BTreeMap;

use super::array::{Array, Values};
use super::{State, StateError};

/// Name of the number of states.
const COUNT: &str = "count";

/// Part with the arrays that have the same shape in every state: `[states, shape…]`.
const ROWS: &str = "rows";

/// Part with all other arrays, by kind: their values one after the other.
const VALUES: &str = "values";

/// Part with their shapes: for each state 0 if the array is missing, else the number of dimensions plus 1 and the dimensions.
const SHAPES: &str = "shapes";

/// The arrays of one name and kind, of all states.
struct Column {
    values: Values,
    /// The shape in each state; `None` if the array is missing.
    shapes: Vec<Option<Vec<usize>>>,
}

impl State {
    /// Puts the states of several parts of one kind, such as environments. The number of arrays does not depend on the number of parts.
    ///
    /// # Panics
    ///
    /// Panics if a name is taken.
    pub(crate) fn put_states(&mut self, part: &str, states: Vec<Self>) {
        let count = states.len();
        let mut stacked = Self::new();
        stacked.put(COUNT, count as u64);
        for ((name, kind), mut column) in columns(states) {
            column.shapes.resize(count, None);
            let first = column.shapes[0].clone();
            match first.filter(|_| kind != "text" && column.shapes.iter().all(|shape| *shape == column.shapes[0])) {
                Some(shape) => {
                    let shape = [&[count], &shape[..]].concat();
                    stacked.insert(format!("{ROWS}.{name}"), Array { shape, values: column.values });
                }
                None => {
                    let shapes: Vec<u64> = column.shapes.iter().flat_map(written_shape).collect();
                    stacked.put_array(&format!("{SHAPES}.{kind}.{name}"), &[shapes.len()], shapes);
                    let shape = vec![column.values.len()];
                    stacked.insert(format!("{VALUES}.{kind}.{name}"), Array { shape, values: column.values });
                }
            }
        }
        self.put_state(part, stacked);
    }

    /// Takes the states from [`put_states`](Self::put_states), one after another.
    ///
    /// Their number has no limit: the caller has to check it.
    ///
    /// # Errors
    ///
    /// [`StateError`] if the arrays do not fit together.
    pub(crate) fn take_states(&mut self, part: &str) -> Result<States, StateError> {
        let mut stacked = self.take_state(part);
        let read = |stacked: &mut Self| {
            let count = stacked.take_count(COUNT)?;
            let mut columns = Vec::new();
            for (name, array) in stacked.take_state(ROWS).arrays {
                let Some((_, shape)) = array.shape.split_first().filter(|(rows, _)| **rows == count) else {
                    let rule = format!("one row for each of {count} states");
                    return Err(StateError::invalid(format!("{ROWS}.{name}"), rule, format!("{:?}", array.shape)));
                };
                let shapes = Shapes::Same(shape.to_vec());
                columns.push(Unstacked { name, values: array.values, at: 0, shapes });
            }
            let mut values = stacked.take_state(VALUES).arrays;
            for (key, shapes) in stacked.take_state(SHAPES).arrays {
                let shapes_name = format!("{SHAPES}.{key}");
                let missing = || StateError::Missing { name: format!("{VALUES}.{key}") };
                let array = values.remove(&key).ok_or_else(missing)?;
                let Values::U64(shapes) = shapes.values else {
                    let found = shapes.values.kind();
                    return Err(StateError::Kind { name: shapes_name, expected: "u64", found });
                };
                let Some((kind, name)) = key.split_once('.').filter(|(kind, _)| *kind == array.values.kind()) else {
                    return Err(StateError::invalid(
                        shapes_name,
                        "named by the kind of its values",
                        array.values.kind(),
                    ));
                };
                let (expected, found) = (total(&shapes, count), array.values.len());
                if expected != Some(found) || (kind == "text" && array.shape.len() != 1) {
                    return Err(StateError::invalid(
                        shapes_name,
                        format!("shapes of {count} arrays with {found} values in all"),
                        "others",
                    ));
                }
                let shapes = Shapes::Each(shapes.into_iter());
                columns.push(Unstacked { name: name.to_owned(), values: array.values, at: 0, shapes });
            }
            if let Some(name) = values.into_keys().next() {
                return Err(StateError::Missing { name: format!("{SHAPES}.{name}") });
            }
            Ok(States { columns, left: count })
        };
        let states = read(&mut stacked).and_then(|states| stacked.finish().map(|()| states));
        states.map_err(|error| error.within(part))
    }
}

/// Joins the arrays of one name and kind.
fn columns(states: Vec<State>) -> BTreeMap<(String, &'static str), Column> {
    let mut columns = BTreeMap::new();
    for (i, state) in states.into_iter().enumerate() {
        for (name, Array { shape, values }) in state.arrays {
            let column = columns.entry((name, values.kind()));
            let column = column.or_insert_with(|| Column { values: values.emptied(), shapes: Vec::new() });
            column.shapes.resize(i, None);
            column.shapes.push(Some(shape));
            column.values.append(values);
        }
    }
    columns
}

fn written_shape(shape: &Option<Vec<usize>>) -> Vec<u64> {
    match shape {
        Some(shape) => std::iter::once(shape.len() as u64 + 1).chain(shape.iter().map(|&dim| dim as u64)).collect(),
        None => vec![0],
    }
}

/// Returns how many values arrays of these shapes have; `None` if there are too few shapes, or the count overflows.
fn total(shapes: &[u64], count: usize) -> Option<usize> {
    let (mut rest, mut total) = (shapes, 0_usize);
    for _ in 0..count {
        let (&written, dims) = rest.split_first()?;
        rest = dims;
        let Some(rank) = written.checked_sub(1) else { continue };
        let (dims, after) = rest.split_at_checked(usize::try_from(rank).ok()?)?;
        rest = after;
        let product = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(usize::try_from(dim).ok()?))?;
        total = total.checked_add(product)?;
    }
    rest.is_empty().then_some(total)
}

/// States that are separated one at a time, so that a file cannot make the reader allocate more memory than one state takes.
#[derive(Debug)]
pub(crate) struct States {
    columns: Vec<Unstacked>,
    left: usize,
}

#[derive(Debug)]
struct Unstacked {
    name: String,
    values: Values,
    /// Start of the values of the next state.
    at: usize,
    shapes: Shapes,
}

#[derive(Debug)]
enum Shapes {
    Same(Vec<usize>),
    Each(std::vec::IntoIter<u64>),
}

impl Shapes {
    fn next(&mut self) -> Option<Vec<usize>> {
        match self {
            Self::Same(shape) => Some(shape.clone()),
            Self::Each(shapes) => {
                let rank = shapes.next()?.checked_sub(1)?;
                Some(shapes.take(rank as usize).map(|dim| dim as usize).collect())
            }
        }
    }
}

impl States {
    /// Returns how many states are left.
    pub(crate) fn len(&self) -> usize {
        self.left
    }

    /// Takes the next state; an empty one if none is left.
    ///
    /// # Errors
    ///
    /// [`StateError::Invalid`] if a text is cut inside a character.
    pub(crate) fn take_next(&mut self) -> Result<State, StateError> {
        let mut state = State::new();
        if self.left == 0 {
            return Ok(state);
        }
        self.left -= 1;
        for column in &mut self.columns {
            let Some(shape) = column.shapes.next() else { continue };
            let end = column.at + shape.iter().product::<usize>();
            let cut = || StateError::invalid(&column.name, "texts of whole characters", format!("a cut at byte {end}"));
            let values = column.values.slice(column.at..end).ok_or_else(cut)?;
            column.at = end;
            let taken = state.arrays.insert(column.name.clone(), Array { shape, values });
            if taken.is_some() {
                return Err(StateError::invalid(&column.name, "of one kind in a state", "two"));
            }
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes states to a file and reads them back.
    fn there_and_back(states: &[State]) -> Vec<State> {
        let mut state = State::new();
        state.put_states("parts", states.to_vec());
        let mut state = State::from_bytes(&state.to_bytes().unwrap()).unwrap();
        let mut taken = state.take_states("parts").unwrap();
        assert_eq!((taken.len(), state.finish()), (states.len(), Ok(())));
        (0..states.len()).map(|_| taken.take_next().unwrap()).collect()
    }

    fn pendulum(i: usize) -> State {
        let mut state = State::new();
        state.put("theta", i as f64);
        state.put_array("mean", &[2, 1], vec![i as f32, 0.5]);
        state.put_text("phase", if i.is_multiple_of(2) { "running" } else { "vor dem Anfang: Σ" });
        if i.is_multiple_of(3) {
            state.put_array("window", &[i, 1], vec![i as u64; i]);
        }
        state
    }

    #[test]
    fn states_of_one_kind_come_back_one_by_one() {
        for n in [0, 1, 2, 7] {
            let states: Vec<State> = (0..n).map(pendulum).collect();
            assert_eq!(there_and_back(&states), states);
        }
    }

    #[test]
    fn the_header_does_not_grow_with_their_number() {
        let names = |n| {
            let mut state = State::new();
            state.put_states("parts", (0..n).map(pendulum).collect());
            state.names().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(names(4), names(5_000));
        assert_eq!(names(4)[..3], ["parts.count", "parts.rows.mean", "parts.rows.theta"]);
    }

    #[test]
    fn one_name_may_hold_another_kind_and_shape_in_each_state() {
        let mut states = vec![State::new(); 4];
        states[0].put("x", 1_u64);
        states[1].put_text("x", "");
        states[2].put_array("x", &[0, 3], Vec::<u64>::new());
        assert_eq!(there_and_back(&states), states);
    }

    #[test]
    fn arrays_that_do_not_fit_together_are_named() {
        let stacked = || {
            let mut state = State::new();
            state.put_states("parts", (0..4).map(pendulum).collect());
            state
        };
        let refused = |edit: fn(&mut State), expected: &str| {
            let mut state = stacked();
            edit(&mut state);
            let error =
                state.take_states("parts").map(|mut states| while states.take_next().is_ok() && states.len() > 0 {});
            let error = error.unwrap_err().to_string();
            assert!(error.contains(expected), "`{error}` should contain `{expected}`");
        };
        let shapes = |state: &mut State, shapes: Vec<u64>| {
            state.take_row::<u64>("parts.shapes.u64.window").unwrap();
            state.put_array("parts.shapes.u64.window", &[shapes.len()], shapes);
        };
        let others = "`parts.shapes.u64.window` must be shapes of 4 arrays with 3 values in all, got others";
        refused(|state| state.put("parts.more", 0_u64), "`parts.more` is in the state, but is not used");
        refused(|state| drop(state.take::<u64>("parts.count")), "`parts.count` is missing");
        for wrong in [
            vec![],
            vec![0; 3],
            vec![3, 0, 1, 0, 0, 3, 3, 1, 7],
            vec![3, u64::MAX, u64::MAX, 0, 0, 0],
            vec![u64::MAX; 4],
            vec![3, 0, 1, 0, 0, 3, 4, 1],
        ] {
            let mut state = stacked();
            shapes(&mut state, wrong);
            assert_eq!(state.take_states("parts").unwrap_err().to_string(), others);
        }
        refused(|state| drop(state.take_row::<u64>("parts.values.u64.window")), "`parts.values.u64.window` is missing");
        refused(|state| drop(state.take_row::<u64>("parts.shapes.u64.window")), "`parts.shapes.u64.window` is missing");
        let mut state = stacked();
        state.take::<u64>("parts.count").unwrap();
        state.put("parts.count", 1_u64 << 53);
        let error = state.take_states("parts").unwrap_err().to_string();
        assert!(error.starts_with("`parts.rows.mean` must be one row for each of 9007199254740992 states"), "{error}");
    }

    #[test]
    fn a_text_that_is_cut_inside_a_character_is_refused() {
        let mut part = State::new();
        part.put_text("x", "Σ");
        let mut state = State::new();
        state.put_states("parts", vec![part; 2]);
        state.take_row::<u64>("parts.shapes.text.x").unwrap();
        state.put_array("parts.shapes.text.x", &[4], vec![2_u64, 1, 2, 3]);
        let error = state.take_states("parts").unwrap().take_next().unwrap_err().to_string();
        assert_eq!(error, "`x` must be texts of whole characters, got a cut at byte 1");
    }

    proptest! {
        #[test]
        fn any_states_come_back(
            states in prop::collection::vec(
                prop::collection::btree_map("[a-c.]{1,2}", (0..4_usize, 0..3_usize, 0..3_usize), 0..4), 0..6,
            )
        ) {
            let states: Vec<State> = states.into_iter().map(|arrays| {
                let mut state = State::new();
                for (name, (kind, rows, columns)) in arrays {
                    let (shape, n) = ([rows, columns], rows * columns);
                    match kind {
                        0 => state.put_array(&name, &shape, vec![0.5_f32; n]),
                        1 => state.put_array(&name, &shape, (0..n).map(|x| x as f64).collect()),
                        2 => state.put_array(&name, &shape, vec![7_u64; n]),
                        _ => state.put_text(&name, "Σx".repeat(n)),
                    }
                }
                state
            }).collect();
            prop_assert_eq!(there_and_back(&states), states);
        }
    }
}
