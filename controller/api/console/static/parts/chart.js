// Bars over days or names, drawn by uPlot. Two series at most: the second one stands in front of the first, which is never less.
import { fill, h, say } from "../lib/dom.js";
import uPlot from "../vendor/uplot.js";

const HEIGHT = 190, SCALE_PX = 62, LABEL_PX = 64;
const COUNTS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap((each) => [each, 2 * each, 5 * each]);
const DARK = matchMedia("(prefers-color-scheme: dark)");

/** `series`: {label, colour} (a custom property of the style sheet). `shown(value)`: with its unit; without it the values
 * are counts. A screen reader gets `summary`: the numbers are in a table beside it. */
export function chart({ title, series, shown }) {
  const place = h("div", { class: "chart", role: "img" });
  const at = h("p", { class: "quiet reading", "aria-hidden": "true" });
  const keys = h("p", { class: "keys", "aria-hidden": "true" }, series.map((each) => {
    const swatch = h("span", { class: "swatch" });
    swatch.style.setProperty("background", `var(${each.colour})`);
    return h("span", {}, swatch, each.label);
  }));
  const element = h("section", { class: "card" }, h("h2", {}, title), keys, place, at);
  let plot = null, labels = [], data = null;

  const read = (u) => {
    const index = u.cursor.idx;
    const values = series.map((each, number) => [each.label, u.data[number + 1][index]]);
    say(at, index === null || index === undefined ? "" : `${labels[index]}: ${values.map(([name, value]) =>
      `${name} ${value === null || value === undefined ? "–" : (shown || String)(value)}`).join(", ")}`);
  };
  const draw = () => {
    plot?.destroy();
    plot = null;
    if (data && place.clientWidth) plot = new uPlot({ ...options(labels, series, shown, place.clientWidth), hooks: { setCursor: [read] } }, data, place);
  };
  const sized = new ResizeObserver(() => (plot ? plot.setSize({ width: place.clientWidth, height: HEIGHT }) : draw()));
  sized.observe(place);
  DARK.addEventListener("change", draw);

  const update = (names, columns, summary) => {
    labels = names;
    data = [names.map((_, index) => index), ...columns];
    place.setAttribute("aria-label", summary);
    say(at, "");
    draw();
  };
  const stop = () => {
    sized.disconnect();
    DARK.removeEventListener("change", draw);
    plot?.destroy();
    fill(place);
  };
  return { element, update, stop };
}

function options(labels, series, shown, width) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const every = (u) => Math.ceil(labels.length / Math.max(1, Math.floor((u.width - SCALE_PX) / LABEL_PX)));
  return {
    width, height: HEIGHT, legend: { show: false }, padding: [8, 8, 0, 0],
    cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
    scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: (_, __, most) => [0, (most || 1) * 1.08] } },
    axes: [
      { ...axis, size: 26, grid: { show: false }, splits: (u) => labels.map((_, index) => index).filter((index) => index % every(u) === 0),
        values: (_, splits) => splits.map((index) => short(labels[index])) },
      { ...axis, size: SCALE_PX, values: (_, splits) => splits.map(shown || String), ...(shown ? {} : { incrs: COUNTS }) },
    ],
    series: [{}, ...series.map((each) => ({ label: each.label, fill: colour(each.colour), width: 0,
      paths: uPlot.paths.bars({ size: [0.7, 56] }), points: { show: false } }))],
  };
}

const short = (label) => (label.length > 12 ? `${label.slice(0, 11)}…` : label);
