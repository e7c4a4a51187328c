//! Files of results that were cut, changed or put in another place.

use std::fs;

use actor_critic::experiment::{Cell, Experiment, ExperimentError, Finished, Results};
use actor_critic::train::EvaluationSummary;

use super::{Failure, experiment, file, message, work};

#[test]
fn a_file_that_would_not_have_been_written_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    experiment(folder.path()).run(work).unwrap();
    let path = file(folder.path(), "b/tank/2");
    let whole = fs::read_to_string(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let message = message(Results::read([folder.path()]));
        let never = |_: &Cell| -> Result<Vec<EvaluationSummary>, Failure> { unreachable!("nothing may be run") };
        let again = experiment(folder.path()).run(never).unwrap_err();
        assert_eq!(again.to_string(), message);
        assert_eq!(fs::read(&path).unwrap(), bytes, "a hostile file must be left as it is");
        let rest = message.strip_prefix(&format!("{} ", path.display())).expect("the file is named");
        rest.to_owned()
    };
    let edited = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_str(&whole).unwrap();
        edit(&mut value);
        value.to_string().into_bytes()
    };
    let no_record = "must be a file that an experiment has written: ";
    for length in 0..whole.len() - 1 {
        // A digest that is cut short, and all before: no JSON.
        fs::write(&path, &whole.as_bytes()[..length]).unwrap();
        let message = message(Results::read([folder.path()]));
        assert!(message.contains(no_record), "{length}: {message}");
    }
    for text in ["null", "[]", "{\"format\":1}", "\u{feff}{}", "NaN", &"[".repeat(100_000), &whole.repeat(2)] {
        assert!(refused(text.as_bytes()).starts_with(no_record));
    }
    assert!(refused(b"\xff\xfe\x00").starts_with(no_record));
    let first_return = whole.split("\"returns\":[").nth(1).unwrap().split(',').next().unwrap();
    for number in ["NaN", "Infinity", "null", "1e999", "\"1\"", "[]"] {
        assert!(refused(whole.replacen(first_return, number, 1).as_bytes()).starts_with(no_record), "{number}");
    }
    let other = refused(whole.replacen(first_return, "1.5", 1).as_bytes());
    assert!(other.starts_with("is damaged: its SHA-256 must be "), "{other}");
    assert!(refused(&edited(&|value| value["format"] = 2.into())).starts_with("must have format 1, which this"));
    assert!(refused(&edited(&|value| value["more"] = 2.into())).starts_with(no_record));
    // Whole, but of another cell.
    let another = fs::read(file(folder.path(), "b/tank/3")).unwrap();
    assert_eq!(refused(&another), "must have cell b/tank/2, got b/tank/3; give each experiment a folder of its own");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(message(Results::read([folder.path()])).ends_with("must be a regular file"));
    fs::remove_dir(&path).unwrap();
    // As the message says: removed, its cell is run again.
    assert_eq!(experiment(folder.path()).run(work).unwrap(), Finished { ran: 1, skipped: 29 });
    assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    // A copy that a file manager made.
    fs::copy(&path, file(folder.path(), "b/tank/02")).unwrap();
    assert!(message(Results::read([folder.path()])).ends_with("02.json must be named after its seed, such as 3.json"));
}

#[test]
fn every_flipped_byte_is_noticed_or_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let one = Experiment::new(folder.path()).algorithms(["a"]).tasks(["tank"]).seeds([0]).setting("steps", 300);
    one.run(work).unwrap();
    let path = file(folder.path(), "a/tank/0");
    let (whole, expected) = (fs::read(&path).unwrap(), one.results().unwrap());
    let mut refused = 0;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&path, &bytes).unwrap();
        match one.results() {
            Ok(results) => assert_eq!(results, expected, "byte {place}"),
            Err(error) => {
                assert!(matches!(error, ExperimentError::File { .. }), "{error}");
                refused += 1;
            }
        }
    }
    // A last digit may stand for the same number as its neighbour.
    assert!(refused >= whole.len() - 5, "{refused} of {}", whole.len());
}
