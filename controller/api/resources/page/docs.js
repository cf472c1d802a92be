// Shows /openapi.json with Swagger UI: what is ours is the list of operations, the search by path, and that streams are
// not tried here, since an answer that never ends is never shown. Nothing is loaded from elsewhere, no token is kept.
"use strict";

const WIDE = window.matchMedia("(min-width: 60rem)");

/** The search finds operations by any part of path, method, name or summary, and tags by their name. */
function search(tagged, phrase) {
  const wanted = phrase.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (text) => wanted.every((each) => text.toLowerCase().includes(each));
  return tagged
    .map((tag, name) => tag.update("operations", (operations) => operations.filter((each) => {
      const told = ["summary", "operationId"].map((key) => each.getIn(["operation", key], ""));
      return fits([name, each.get("method"), each.get("path"), ...told].join(" "));
    })))
    .filter((tag) => tag.get("operations").size);
}

const ours = () => ({
  fn: { opsFilter: search },
  statePlugins: {
    layout: {
      wrapActions: {
        updateFilter: (original, system) => (phrase) => {  // what is found is to be seen
          if (phrase) for (const tag of system.specSelectors.taggedOperations().keys()) system.layoutActions.show(["operations-tag", tag], true);
          return original(phrase);
        },
      },
    },
    spec: {
      wrapSelectors: {
        allowTryItOutFor: (_, system) => (__, path, method) => {
          const answers = system.specSelectors.specJson().getIn(["paths", path, method, "responses"]);
          return !answers?.has("101") && !answers?.getIn(["200", "content", "text/event-stream"]);
        },
      },
    },
  },
});

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Opens one operation and scrolls to it, also if it is open already, or was filtered out. */
function open(ui, tag, operation) {
  ui.layoutActions.updateFilter("");
  ui.layoutActions.show(["operations-tag", tag], true);
  ui.layoutActions.show(["operations", tag, operation], true);
  requestAnimationFrame(() => document.getElementById(`operations-${tag}-${operation}`)?.scrollIntoView());
}

function contents(ui, told) {
  const tags = new Map();
  for (const [path, methods] of Object.entries(told.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [tag] = operation.tags;
      const link = element("a", { href: `#/${tag}/${operation.operationId}`, title: operation.summary },
        element("b", {}, method.toUpperCase()), ` ${path.replace("/v1/", "/")}`);
      link.addEventListener("click", () => {
        open(ui, tag, operation.operationId);
        if (!WIDE.matches) document.getElementById("contents").open = false;
      });
      if (!tags.has(tag)) tags.set(tag, element("ul", {}));
      tags.get(tag).append(element("li", {}, link));
    }
  }
  for (const [tag, list] of tags) document.querySelector("#contents nav").append(element("h2", {}, tag), list);
}

function show(told) {
  const ui = SwaggerUIBundle({
    spec: told,
    dom_id: "#explorer",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [ours],
    layout: "BaseLayout",
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    persistAuthorization: false,
    validatorUrl: null,
  });
  contents(ui, told);
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const coloured = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", coloured);
coloured();

const wide = () => { document.getElementById("contents").open = WIDE.matches; };
WIDE.addEventListener("change", wide);
wide();
fetch("/openapi.json").then((answer) => answer.json()).then(show)
  .catch((fault) => { document.getElementById("explorer").textContent = `The document could not be shown: ${fault}`; });
