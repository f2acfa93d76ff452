//! Plain tables.

/// Rows of words under a heading; all columns but the first are aligned to the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<T: Into<String>>(heading: impl IntoIterator<Item = T>) -> Self {
        let heading = heading.into_iter().map(Into::into).collect();
        Table {
            rows: vec![heading],
        }
    }

    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Prints the table, and an empty line.
    pub(crate) fn print(&self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => line += &format!("{cell:<width$}"),
                    _ => line += &format!("  {cell:>width$}"),
                }
            }
            say!("{}", line.trim_end());
        }
        say!("");
    }
}

/// Microseconds as milliseconds, in three digits or so.
pub(crate) fn ms(micros: f64) -> String {
    match micros {
        micros if micros < 10_000.0 => format!("{:.3}", micros / 1_000.0),
        micros if micros < 100_000.0 => format!("{:.2}", micros / 1_000.0),
        micros => format!("{:.1}", micros / 1_000.0),
    }
}

/// kB as MB.
pub(crate) fn mb(kilobytes: u64) -> String {
    format!("{:.1}", kilobytes as f64 / 1024.0)
}

/// The value below which this share of sorted values is.
pub(crate) fn quantile(sorted: &[u32], share: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let at = (share * sorted.len() as f64).ceil() as usize;
    f64::from(sorted[at.clamp(1, sorted.len()) - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!(quantile(&values, 0.5), 100.0);
        assert_eq!(quantile(&values, 0.99), 198.0);
        assert_eq!(quantile(&[7], 0.999), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
