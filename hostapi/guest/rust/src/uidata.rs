use crate::ui::{given, node, of_kind, said, Cell};
use crate::uitext::number;

/// How far something is.
#[derive(Clone, Debug)]
pub struct Progress {
    label: String,
    value: f64,
    max: f64,
}
node!(Progress, cell);

impl Progress {
    /// Shows how far something is on its way from 0 to max.
    pub fn new(label: impl Into<String>, value: impl Into<f64>, max: impl Into<f64>) -> Progress {
        Progress { label: label.into(), value: value.into(), max: max.into() }
    }

    fn json(&self) -> String {
        of_kind("progress", |o| {
            said(o, "label", &self.label);
            number(o, "value", self.value);
            number(o, "max", if self.max > 0.0 { self.max } else { 1.0 }); // nothing is to be done, and so nothing is
        })
    }
}

const MOST_COLUMNS: usize = 20;

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    caption: String,
    columns: Vec<(String, &'static str)>,
    rows: Vec<Vec<Cell>>,
}
node!(Table);

impl Table {
    /// Returns a table without columns. The caption says what it shows, for those who do
    /// not see it.
    pub fn new(caption: impl Into<String>) -> Table {
        Table { caption: caption.into(), columns: Vec::new(), rows: Vec::new() }
    }

    /// Adds a column; the twenty-first and those after it are not shown.
    pub fn column(self, title: impl Into<String>) -> Table {
        self.aligned(title, "")
    }

    /// Adds a column of numbers, which stand at the end of their cells.
    pub fn numbers(self, title: impl Into<String>) -> Table {
        self.aligned(title, "end")
    }

    fn aligned(mut self, title: impl Into<String>, align: &'static str) -> Table {
        if self.columns.len() < MOST_COLUMNS {
            self.columns.push((title.into(), align));
        }
        self
    }

    /// Adds a row: `table.row(["Ada".into(), Badge::new("On", Tone::Ok).into()])`. Its
    /// first cell is its heading; cells that are missing are empty.
    pub fn row(mut self, cells: impl IntoIterator<Item = Cell>) -> Table {
        self.rows.push(cells.into_iter().collect());
        self
    }

    fn json(&self) -> String {
        let nameless = [(String::new(), "")];
        let columns = if self.columns.is_empty() { &nameless[..] } else { &self.columns };
        of_kind("table", |o| {
            said(o, "caption", &self.caption);
            o.array("columns", |l| {
                columns.iter().for_each(|(title, align)| {
                    l.object(|o| {
                        o.add("title", title);
                        given(o, "align", align);
                    })
                })
            });
            o.array("rows", |l| {
                self.rows.iter().for_each(|row| {
                    l.array(|l| {
                        (0..columns.len()).for_each(|i| match row.get(i) {
                            Some(cell) if !cell.json.is_empty() => l.raw(&cell.json),
                            _ => l.add(""),
                        })
                    })
                })
            });
        })
    }
}

const MOST_POINTS: usize = 200;
const MOST_SERIES: usize = 3;

/// A picture of up to three series with up to 200 points each; what is more is not
/// shown. What is missing of a series, or is no number, is 0.
#[derive(Clone, Debug)]
pub struct Chart {
    kind: &'static str,
    title: String,
    labels: Vec<String>,
    series: Vec<(String, Vec<f64>)>,
}
node!(Chart);

impl Chart {
    /// Returns a chart of bars. The title says what can be seen in it, as a sentence: Most
    /// enrol on Mondays.
    pub fn bars(title: impl Into<String>) -> Chart {
        Chart { kind: "bar", title: title.into(), labels: Vec::new(), series: Vec::new() }
    }

    /// Returns a chart of lines.
    pub fn lines(title: impl Into<String>) -> Chart {
        Chart { kind: "line", ..Chart::bars(title) }
    }

    /// Names the points.
    pub fn labels<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Chart {
        self.labels = labels.into_iter().map(S::into).collect();
        self
    }

    /// Adds a series, with a value for each point.
    pub fn series<V: Into<f64>>(mut self, name: impl Into<String>, values: impl IntoIterator<Item = V>) -> Chart {
        self.series.push((name.into(), values.into_iter().map(V::into).collect()));
        self
    }

    fn json(&self) -> String {
        let nameless = [(self.title.clone(), Vec::new())];
        let series = if self.series.is_empty() { &nameless[..] } else { &self.series };
        let points = self.labels.len().min(MOST_POINTS);
        of_kind("chart", |o| {
            o.add("type", self.kind);
            said(o, "title", &self.title);
            o.add("labels", &self.labels[..points]);
            o.array("series", |l| {
                series.iter().take(MOST_SERIES).for_each(|(name, values)| {
                    l.object(|o| {
                        said(o, "name", name);
                        o.array("values", |l| (0..points).for_each(|i| l.raw(&crate::uitext::numeral(values.get(i).copied().filter(|x| x.is_finite()).unwrap_or_default()))));
                    })
                })
            });
        })
    }
}
