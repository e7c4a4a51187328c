//! Settings in a manifest: any JSON of limited size.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Most values in the settings.
///
/// A file of a few bytes for each value takes up to 100 times its length in memory.
const MAX_VALUES: usize = 4096;

/// Reads settings of at most [`MAX_VALUES`] values.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Settings { left: &Cell::new(MAX_VALUES) }.deserialize(deserializer)
}

#[derive(Clone, Copy)]
struct Settings<'a> {
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Settings<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(D::Error::custom(format_args!("settings must have at most {MAX_VALUES} values")));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Settings<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(self)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = map.next_key()? {
            values.insert(name, map.next_value_seed(self)?);
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_are_read_as_they_are() {
        for text in ["null", "[true,-1,18446744073709551615,0.1,\"Σ\",{}]", "{\"a\":{\"b\":[1e-300]},\"c\":\"\"}"] {
            assert_eq!(read(text), Ok(serde_json::from_str(text).unwrap()));
        }
    }

    #[test]
    fn settings_without_end_are_refused() {
        let zeros = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        assert!(read(&zeros(MAX_VALUES - 1)).is_ok());
        let error = read(&zeros(MAX_VALUES)).unwrap_err();
        assert!(error.starts_with("settings must have at most 4096 values"), "{error}");
        let error = read(&"[".repeat(100_000)).unwrap_err();
        assert!(error.starts_with("recursion limit exceeded"), "{error}");
    }
}
