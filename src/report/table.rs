//! Tables of a report.

use maud::{Markup, html};
use serde_json::Value;

use super::ReportError;

/// A table of texts with named columns.
///
/// A column of numbers is right-aligned, with true minus signs.
///
/// # Examples
///
/// ```
/// use actor_critic::report::Table;
///
/// let table = Table::new(["algorithm", "regret"]).with_row(["SAC", "2.31"]).with_row(["TD3", "3.90"]);
/// assert_eq!(table.rows.len(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, each with one cell per column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes a table without rows.
    pub fn new<T: Into<String>>(columns: impl IntoIterator<Item = T>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    #[must_use]
    pub fn with_row<T: Into<String>>(mut self, cells: impl IntoIterator<Item = T>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    pub(super) fn html(&self) -> Result<Markup, ReportError> {
        let expected = self.columns.len();
        let misfit = self.rows.iter().enumerate().find(|(_, cells)| cells.len() != expected);
        if let Some((row, cells)) = misfit {
            return Err(ReportError::Row { row, expected, found: cells.len() });
        }
        let class = |column: usize| self.is_of_numbers(column).then_some("number");
        let classes: Vec<_> = (0..expected).map(class).collect();
        Ok(html! {
            div.table tabindex="0" {
                table {
                    thead { tr { @for (name, class) in self.columns.iter().zip(&classes) { th scope="col" class=[class] { (name) } } } }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (cell, class) in row.iter().zip(&classes) {
                                    td class=[class] { @if class.is_some() { (cell.replace('-', "−")) } @else { (cell) } }
                                }
                            }
                        }
                    }
                }
            }
        })
    }

    /// Whether a column has numbers only.
    fn is_of_numbers(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().map(|row| &row[column]).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.replace('−', "-").replace(',', "").parse::<f64>().is_ok())
    }
}

/// Shows settings as a table, one row for each number or text, named by its path, such as `noise.sigma`.
pub(super) fn settings_html(settings: &Value) -> Markup {
    let mut rows = Vec::new();
    flatten(String::new(), settings, &mut rows);
    html! {
        div.table tabindex="0" {
            table { tbody { @for (path, value) in &rows { tr { th scope="row" { (path) } td { (value) } } } } }
        }
    }
}

fn flatten(path: String, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(path, field, rows);
            }
        }
        // A text without its quotation marks.
        Value::String(text) => rows.push((path, text.clone())),
        _ => rows.push((path, value.to_string())),
    }
}
