// Tables sort by the column whose heading is clicked; once more turns the order around. Everything else works without this.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const cell = row.cells[column];
        const text = cell.dataset.sort ?? cell.textContent.replaceAll(",", "");
        // What is no number stands below all numbers.
        return heading.classList.contains("n") ? (Number.parseFloat(text) || 0) : text;
      };
      const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort((one, other) => (down ? -1 : 1) * compare(one[0], other[0]));
      body.append(...rows.map(([, row]) => row));
    });
  });
}
