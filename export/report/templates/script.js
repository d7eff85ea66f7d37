"use strict";
// Sorting and stacking, and nothing else: without this script every table and cell can still be read.
// A table that is wider than the page becomes a list of its rows, each cell beside the name of its column.
const wide = [...document.querySelectorAll(".scroll > table:not(.confusion)")];
for (const table of wide) {
  const names = [...table.tHead.rows[0].cells].map((head) =>
    head.querySelector(".scale") ? "" : head.textContent.trim(),
  );
  for (const row of table.tBodies[0].rows) {
    [...row.cells].forEach((cell, column) => (cell.dataset.head = names[column]));
  }
}
const stack = () => {
  wide.forEach((table) => table.classList.remove("stacked"));
  const over = wide.filter((table) => table.parentElement.scrollWidth > table.parentElement.clientWidth);
  over.forEach((table) => table.classList.add("stacked"));
};
// Told of the page's width at first, too, and after the layout: a script that asks for it would wait for it.
new ResizeObserver(stack).observe(document.querySelector("header"));
for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!head.dataset.sort) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => {
        const cell = row.cells[column];
        const text = cell.dataset.value ?? cell.textContent.trim();
        return head.dataset.sort === "number" ? (text === "" ? NaN : Number(text)) : text;
      };
      const rows = [...table.tBodies[0].rows].map((row, place) => ({ row, place, value: value(row) }));
      rows.sort((a, b) => {
        // What has no number stays at the end, whichever way.
        if (Number.isNaN(a.value) || Number.isNaN(b.value)) {
          return Number.isNaN(a.value) - Number.isNaN(b.value) || a.place - b.place;
        }
        const order = typeof a.value === "number" ? a.value - b.value : a.value.localeCompare(b.value);
        return (down ? -order : order) || a.place - b.place;
      });
      table.tBodies[0].append(...rows.map((entry) => entry.row));
    });
  });
}
// A cell that is opened gets the focus, and Escape brings it back to where it came from.
addEventListener("hashchange", () => {
  const cell = document.querySelector(".cell:target");
  if (cell) cell.focus();
});
addEventListener("keydown", (event) => {
  const cell = document.querySelector(".cell:target");
  if (event.key !== "Escape" || !cell) return;
  const from = document.querySelector(`a[href="#${cell.id}"]`);
  location.hash = "confusion";
  from?.focus();
});
