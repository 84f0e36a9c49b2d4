//! Medians of what was measured, as a table in Markdown.

use std::fmt::Write;

/// What one round measured, in the order of the columns. What there was not to be measured is NaN.
pub(crate) type Round = Vec<f64>;

pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) decimals: usize,
    /// Whether it is to be compared with the reference.
    pub(crate) is_compared: bool,
}

pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) columns: &'static [Column],
    pub(crate) rows: Vec<(&'static str, Vec<Round>)>,
    /// The row that others are compared with, if it was measured.
    pub(crate) reference: &'static str,
}

impl Table {
    pub(crate) fn to_markdown(&self) -> String {
        let rows: Vec<_> =
            self.rows.iter().map(|(name, rounds)| (*name, medians(rounds))).collect();
        let reference = rows.iter().find(|(name, _)| *name == self.reference);
        let mut text = format!("### {}\n\n| server |", self.title);
        for column in self.columns {
            text += &format!(" {} |", column.title);
        }
        text += "\n|---|";
        text += &"--:|".repeat(self.columns.len());
        for (name, values) in &rows {
            write!(text, "\n| {name} |").expect("a string takes all");
            for (at, (column, value)) in self.columns.iter().zip(values).enumerate() {
                if value.is_nan() {
                    text += " – |";
                    continue;
                }
                write!(text, " {value:.*}", column.decimals).expect("a string takes all");
                let compared = reference.filter(|_| column.is_compared).map(|(_, of)| of[at]);
                if let Some(other) = compared.filter(|other| *other > 0.0) {
                    write!(text, " ({:.2})", value / other).expect("a string takes all");
                }
                text += " |";
            }
        }
        text + "\n"
    }
}

/// The median of each column.
fn medians(rounds: &[Round]) -> Vec<f64> {
    let columns = rounds.first().map_or(0, Vec::len);
    (0..columns).map(|at| median(rounds.iter().map(|round| round[at]).collect())).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// The value that such a share of all is no greater than.
pub(crate) fn percentile(sorted: &[u32], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().map_or(f64::NAN, f64::from)
}

#[cfg(test)]
mod tests {
    use super::{Column, Table, median, percentile};

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u32> = (1..=100).collect();
        assert_eq!(percentile(&values, 0.5), 50.0);
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile(&[7], 0.99), 7.0);
    }

    #[test]
    fn values_are_compared_with_the_reference() {
        const COLUMNS: &[Column] = &[
            Column { title: "calls/s", decimals: 0, is_compared: true },
            Column { title: "load", decimals: 1, is_compared: false },
        ];
        let table = Table {
            title: "call".into(),
            columns: COLUMNS,
            rows: vec![
                ("a", vec![vec![10.0, 1.0]]),
                ("b", vec![vec![20.0, 2.0]]),
                ("c", vec![vec![30.0, f64::NAN]]),
            ],
            reference: "b",
        };
        let expected = "### call\n\n| server | calls/s | load |\n|---|--:|--:|\n\
                        | a | 10 (0.50) | 1.0 |\n| b | 20 (1.00) | 2.0 |\n| c | 30 (1.50) | – |\n";
        assert_eq!(table.to_markdown(), expected);
    }
}
