// Tables and charts.
import { Cell, Node, begin } from "./ui";
import { given, number, said } from "./uitext";
import { Writer } from "./writer";

class Column {
  constructor(public title: string, public align: string) {}
}

const mostColumns = 20;

// Table is a table. The caption says what it shows, for those who do not see it.
//
//   new Table("People").column("Name").numbers("Points").row([new Text("Ada"), new Badge("On")])
export class Table extends Node {
  private columns: Column[] = [];
  private rows: (Cell | null)[][] = [];
  constructor(private caption: string) { super(); }
  // column adds a column, numbers one whose cells are numbers, which stand at the end;
  // the twenty-first and those after it are not shown.
  column(title: string): this { return this.aligned(title, ""); }
  numbers(title: string): this { return this.aligned(title, "end"); }
  private aligned(title: string, align: string): this {
    if (this.columns.length < mostColumns) this.columns.push(new Column(title, align));
    return this;
  }
  // row adds a row. Its first cell is its heading; cells that are null or missing are
  // empty.
  row(cells: (Cell | null)[]): this {
    this.rows.push(cells);
    return this;
  }
  write(w: Writer): void {
    const columns = this.columns.length ? this.columns : [new Column("", "")];
    begin(w, "table");
    said(w, "caption", this.caption);
    w.key("columns").list();
    for (let i = 0; i < columns.length; i++) {
      w.open().key("title").text(columns[i].title);
      given(w, "align", columns[i].align);
      w.close();
    }
    w.end().key("rows").list();
    for (let r = 0; r < this.rows.length; r++) {
      const row = this.rows[r];
      w.list();
      for (let i = 0; i < columns.length; i++) {
        const cell = i < row.length ? row[i] : null;
        if (cell) cell.writeInner(w);
        else w.text("");
      }
      w.end();
    }
    w.end().close();
  }
}

class Series {
  constructor(public name: string, public values: f64[]) {}
}

const mostPoints = 200, mostSeries = 3;

// Chart is a picture of up to three series with up to 200 points each; what is more is
// not shown. What is missing of a series, or is no number, is 0. The title says what can
// be seen in it, as a sentence: Most enrol on Mondays. It has bars, or lines.
export class Chart extends Node {
  private type: string = "bar";
  private names: string[] = [];
  private rows: Series[] = [];
  constructor(private title: string) { super(); }
  lines(): this {
    this.type = "line";
    return this;
  }
  // labels names the points.
  labels(names: string[]): this {
    this.names = names;
    return this;
  }
  // series adds a series, with a value for each point.
  series(name: string, values: f64[]): this {
    this.rows.push(new Series(name, values));
    return this;
  }
  write(w: Writer): void {
    const points = min(this.names.length, mostPoints), rows = this.rows.length ? this.rows : [new Series(this.title, [])];
    begin(w, "chart");
    w.key("type").text(this.type);
    said(w, "title", this.title);
    w.key("labels").list();
    for (let i = 0; i < points; i++) w.text(this.names[i]);
    w.end().key("series").list();
    for (let k = 0; k < min(rows.length, mostSeries); k++) {
      w.open();
      said(w, "name", rows[k].name);
      w.key("values").list();
      for (let i = 0; i < points; i++) {
        const x = i < rows[k].values.length ? rows[k].values[i] : 0;
        number(w, isFinite(x) ? x : 0);
      }
      w.end().close();
    }
    w.end().close();
  }
}
