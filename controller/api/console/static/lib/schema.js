// The JSON Schema of a tool's arguments as rows, and back. What has no field stays as it is. Nothing here touches the page.

export const EMPTY = { type: "object", properties: {} };
export const TYPES = { string: "text", integer: "whole number", number: "number", boolean: "yes or no", array: "list of texts" };
const WITH_VALUES = new Set(["string", "integer", "number"]);

const mapping = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** [{name, schema, required}] in their order; undefined: it is no schema of an object. */
export function rowsOf(schema) {
  const properties = schema?.properties ?? {}, required = schema?.required ?? [];
  if (!mapping(schema) || !mapping(properties) || !Array.isArray(required)) return undefined;
  return Object.entries(properties).map(([name, each]) => ({ name, schema: each, required: required.includes(name) }));
}

/** `schema` with these rows in place of its own. */
export function withRows(schema, rows) {
  const before = schema.properties ?? {};
  const others = (schema.required ?? []).filter((name) => !Object.hasOwn(before, name));
  const required = [...rows.filter((row) => row.required).map(({ name }) => name), ...others];
  const made = { ...schema, properties: Object.fromEntries(rows.map(({ name, schema: each }) => [name, each])), required };
  if (!required.length) delete made.required;
  return made;
}

/** One of TYPES, or "": something else, which only the JSON shows. */
export function typeOf(schema) {
  if (!mapping(schema) || !Object.hasOwn(TYPES, schema.type)) return "";
  return schema.type !== "array" || schema.items?.type === "string" ? schema.type : "";
}

/** Of another type; what says nothing about that is left out. */
export function ofType(schema, type) {
  const { description, enum: values } = mapping(schema) ? schema : {};
  const kept = WITH_VALUES.has(type) && Array.isArray(values) ? values.map((each) => valueOf(String(each), type)) : undefined;
  return { type, ...(description === undefined ? {} : { description }), ...(kept ? { enum: kept } : {}),
    ...(type === "array" ? { items: { type: "string" } } : {}) };
}

/** The values that are allowed, one a line; undefined: only the JSON shows them. */
export function valuesOf(schema) {
  if (!WITH_VALUES.has(typeOf(schema))) return undefined;
  const values = schema.enum ?? [];
  const plain = Array.isArray(values) && values.every((each) => ["string", "number"].includes(typeof each) && !String(each).includes("\n"));
  return plain ? values.map(String).join("\n") : undefined;
}

export function withValues(schema, text) {
  const { enum: _, ...rest } = schema;
  const values = text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => valueOf(line, schema.type));
  return values.length ? { ...schema, enum: values } : rest;
}

const valueOf = (text, type) => (type !== "string" && text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

export function withText(schema, key, text) {
  const { [key]: _, ...rest } = mapping(schema) ? schema : {};
  return text ? { ...schema, [key]: text } : rest;
}

/** What somebody has typed for an argument, as JSON's value. Throws SyntaxError. */
export function argumentOf(schema, text) {
  const type = mapping(schema) ? schema.type : undefined;
  if (type === "string") return text;
  if (type === "integer" || type === "number") return Number.isFinite(Number(text)) ? Number(text) : text;
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return JSON.parse(text);
}
