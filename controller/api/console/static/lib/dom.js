// Elements, made and changed. All text is set as text: what callers say is hostile input.

export function h(name, given = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (key === "on") for (const [event, heard] of Object.entries(value)) made.addEventListener(event, heard);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...only(children));
  return made;
}

export function fill(element, ...children) {
  element.replaceChildren(...only(children));
  return element;
}

function only(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== "");
}

/** `fill` for what is renewed while somebody is in it: unfolded parts stay so, and the focus stays where it was. */
export function refill(element, ...children) {
  const inside = () => [...element.querySelectorAll("button, summary, a")];
  const unfolded = [...element.querySelectorAll("details[open] > summary")].map((each) => each.textContent);
  const at = inside().indexOf(document.activeElement), words = document.activeElement?.textContent;
  fill(element, ...children);
  for (const each of element.querySelectorAll("summary")) each.parentElement.open = unfolded.includes(each.textContent);
  if (at >= 0) (inside().find((each) => each.textContent === words) || inside()[at])?.focus();
}

/** Shows `text` there; touches nothing if it stands there already. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Runs `work` at once, then at most every `pause` ms; what is asked for meanwhile is done once, at the end. */
export function paced(work, pause) {
  let waiting = null, again = false, over = false;
  const run = async () => {
    waiting = true;
    try {
      await work();
    } finally {
      waiting = setTimeout(() => {
        waiting = null;
        if (again && !over) { again = false; run(); }
      }, pause);
    }
  };
  const ask = () => {
    if (over) return;
    if (waiting === null) run();
    else again = true;
  };
  ask.stop = () => { over = true; if (typeof waiting === "number") clearTimeout(waiting); };
  return ask;
}

/** Calls `work` every `pause` ms while the page is looked at. Returns what ends it. */
export function every(pause, work) {
  const timer = setInterval(() => { if (!document.hidden) work(); }, pause);
  return () => clearInterval(timer);
}
