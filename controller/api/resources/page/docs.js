// Shows /openapi.json: one section per operation, its parameters, what it takes, what it answers. Nothing is fetched
// from anywhere else, and all text is set as text.
"use strict";

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function prose(text) {
  return element("span", {}, ...text.split("`").map((part, at) => (at % 2 ? element("code", {}, part) : part)));
}

function kind(schema, schemas) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map((each) => kind(each, schemas)).join(" | ");
  if (schema.type === "array") return `[${kind(schema.items, schemas)}]`;
  const bounds = ["minimum", "exclusiveMinimum", "maximum", "minLength", "maxLength", "pattern"]
    .filter((name) => schema[name] !== undefined).map((name) => `${name} ${schema[name]}`);
  return [schema.format || schema.type || "any", ...bounds].join(", ");
}

function table(caption, rows) {
  if (!rows.length) return null;
  const body = element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell)))));
  return element("table", {}, element("caption", {}, caption), body);
}

function fields(schema, schemas) {
  const found = schema && schema.$ref ? schemas[schema.$ref.split("/").pop()] : schema;
  if (!found || !found.properties) return [];
  const needed = new Set(found.required || []);
  return Object.entries(found.properties).map(([name, each]) =>
    [name, kind(each, schemas) + (needed.has(name) ? "" : " (optional)"), prose(each.description || "")]);
}

function section(path, method, operation, schemas) {
  const parameters = (operation.parameters || []).map((each) =>
    [each.name, `${kind(each.schema, schemas)}, in ${each.in}`, prose(each.description || "")]);
  const body = operation.requestBody && operation.requestBody.content["application/json"].schema;
  const answers = Object.entries(operation.responses).map(([status, each]) =>
    [status, Object.values(each.content || {}).map((content) => kind(content.schema, schemas)).join(" | "), prose(each.description)]);
  return element("section", { id: operation.operationId },
    element("h2", {}, operation.summary),
    element("p", { class: "where" }, element("span", { class: "method" }, method.toUpperCase()), ` ${path}`),
    operation.description ? element("p", { class: "quiet" }, prose(operation.description)) : null,
    table("Parameters", parameters), table("Body", fields(body, schemas)), table("Answers", answers));
}

async function show() {
  const told = await (await fetch("/openapi.json")).json();
  const schemas = told.components.schemas;
  document.getElementById("version").textContent = told.info.version;
  document.getElementById("about").textContent = told.info.description;
  const lists = {};
  for (const [path, methods] of Object.entries(told.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      document.getElementById("operations").append(section(path, method, operation, schemas));
      const tag = (operation.tags || [""])[0];
      lists[tag] = lists[tag] || element("ul", {});
      lists[tag].append(element("li", {}, element("a", { href: `#${operation.operationId}` }, operation.summary)));
    }
  }
  const models = Object.entries(schemas).filter(([, each]) => each.properties).sort();
  for (const [name, each] of models) {
    document.getElementById("operations").append(element("section", { id: `model-${name}` },
      element("h2", {}, name), each.description ? element("p", { class: "quiet" }, prose(each.description)) : null,
      table("Fields", fields(each, schemas))));
  }
  for (const [tag, list] of Object.entries(lists)) {
    document.getElementById("contents").append(element("strong", {}, tag), list);
  }
}

show().catch((fault) => { document.getElementById("operations").textContent = `The document could not be shown: ${fault}`; });
