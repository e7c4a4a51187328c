//! Running the cells.

use std::any::Any;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::cell::Cell;
use super::error::{CellError, CellFailure, ExperimentError, failed};
use super::file::Lock;
use super::plan::Experiment;
use super::record::Record;
use crate::train::EvaluationSummary;

/// Name of the file of durations in the folder of the experiment.
const TIMING: &str = "timing.csv";

/// The result of [`Experiment::run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Cells that were run.
    pub ran: usize,
    /// Cells that had results already.
    pub skipped: usize,
}

/// The result of one cell.
enum Outcome {
    Ran,
    Skipped,
    Failed(CellFailure),
}

impl Experiment {
    /// Runs every cell of this share that has no results yet, and saves its evaluations.
    ///
    /// `work` gets a cell and returns the evaluations of its run, usually
    /// [`Trainer::evaluations`](crate::train::Trainer::evaluations). It is called from several threads, one cell at a time in each. If it
    /// takes every random number from [`Cell::seed`], the results do not depend on threads, shards and interruptions.
    ///
    /// A cell that fails does not stop the others. It has no results, and runs again the next time. A panic in
    /// `work` counts as a failure, unless the program is built to abort on panics. A cell that another process is running is a failure
    /// too: give each process its own [`Shard`](super::Shard).
    ///
    /// Each result is written to a temporary file, flushed and renamed. An existing file is never replaced: it holds the
    /// results of its cell with these settings, or it is an error.
    ///
    /// # Errors
    ///
    /// - as [`validate`](Self::validate)
    /// - before any cell is run: [`ExperimentError::File`] for a file that is damaged, or has other settings
    /// - after all are run: [`ExperimentError::Cells`] with every cell that failed
    /// - [`ExperimentError::Io`] if the file system returns an error
    pub fn run<F, E>(&self, work: F) -> Result<Finished, ExperimentError>
    where
        F: Fn(&Cell) -> Result<Vec<EvaluationSummary>, E> + Sync,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let cells = self.cells()?;
        self.begin()?;
        let identity = self.identity();
        for cell in &cells {
            Record::read(&cell.id.file(self.folder()), &identity, &cell.id)?;
        }
        let next = AtomicUsize::new(0);
        let outcomes = Mutex::new(Vec::with_capacity(cells.len()));
        thread::scope(|scope| {
            for _ in 0..self.threads.min(cells.len()) {
                scope.spawn(|| {
                    while let Some((place, cell)) = {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        cells.get(place).map(|cell| (place, cell))
                    } {
                        let outcome = self
                            .run_cell(cell, &work)
                            .unwrap_or_else(|cause| Outcome::Failed(CellFailure { cell: cell.id.clone(), cause }));
                        outcomes.lock().expect("no thread panics while it holds the lock").push((place, outcome));
                    }
                });
            }
        });
        let mut outcomes = outcomes.into_inner().expect("no thread panics while it holds the lock");
        outcomes.sort_unstable_by_key(|(place, _)| *place);
        let (mut finished, mut failures) = (Finished { ran: 0, skipped: 0 }, Vec::new());
        for (_, outcome) in outcomes {
            match outcome {
                Outcome::Ran => finished.ran += 1,
                Outcome::Skipped => finished.skipped += 1,
                Outcome::Failed(failure) => failures.push(failure),
            }
        }
        if failures.is_empty() {
            return Ok(finished);
        }
        Err(ExperimentError::Cells { finished: finished.ran + finished.skipped, failures })
    }

    fn run_cell<F, E>(&self, cell: &Cell, work: &F) -> Result<Outcome, CellError>
    where
        F: Fn(&Cell) -> Result<Vec<EvaluationSummary>, E>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        fs::create_dir_all(&cell.folder).map_err(failed("create", &cell.folder))?;
        let lock = Lock::acquire(cell.folder.with_file_name(format!(".{}.lock", cell.id.seed)))?;
        let (path, identity) = (cell.id.file(self.folder()), self.identity());
        // Asked under the lock: another process may have finished it a moment ago.
        if Record::read(&path, &identity, &cell.id)?.is_some() {
            lock.remove();
            return Ok(Outcome::Skipped);
        }
        let begun = Instant::now();
        let evaluations = match catch_unwind(AssertUnwindSafe(|| work(cell))) {
            Ok(Ok(evaluations)) => evaluations,
            Ok(Err(error)) => return Err(CellError::Run(error.into())),
            Err(panic) => return Err(CellError::Panic(panic_message(&*panic))),
        };
        let duration = begun.elapsed();
        let record = Record::new(identity, cell.id.clone(), &evaluations).map_err(ExperimentError::from)?;
        record.write(&path)?;
        // A process that locks a new file of this name finds the results.
        lock.remove();
        self.note_duration(cell, duration)?;
        Ok(Outcome::Ran)
    }

    fn note_duration(&self, cell: &Cell, duration: Duration) -> Result<(), ExperimentError> {
        let path = self.folder().join(TIMING);
        let _lock = self.lock()?;
        let refused = |error| failed("write", &path)(error);
        let mut file = OpenOptions::new().append(true).create(true).open(&path).map_err(refused)?;
        if file.metadata().map_err(refused)?.len() == 0 {
            file.write_all(b"algorithm,task,seed,seconds\n").map_err(refused)?;
        }
        let row = format!("{},{},{},{:.3}\n", cell.algorithm(), cell.task(), cell.id.seed, duration.as_secs_f64());
        file.write_all(row.as_bytes()).map_err(refused)
    }
}

/// Returns the message of a panic, if it is text.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
