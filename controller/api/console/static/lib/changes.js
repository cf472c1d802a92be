// What differs between two values of JSON, by dotted path; and changes of a value by path. Nothing here touches the page.

/** A copy of `value` in which `path` is `wanted`; undefined removes the key, and a mapping that is empty then. */
export function put(value, [key, ...rest], wanted) {
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const made = rest.length ? put(copy[key] ?? {}, rest, wanted) : wanted;
  const gone = made === undefined || rest.length && wanted === undefined && !Object.keys(made).length;
  if (gone) delete copy[key]; else copy[key] = made;
  return copy;
}

export const get = (value, path) => path.reduce((part, key) => part?.[key], value);

export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

const deep = (value) => value !== null && typeof value === "object";

/** [{path, before, after}]; undefined: is not there. */
export function changes(before, after, path = "") {
  if (same(before, after)) return [];
  const alike = deep(before) && deep(after) && Array.isArray(before) === Array.isArray(after);
  if (!alike) return [{ path, before, after }];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => changes(before[key], after[key],
    Array.isArray(before) ? `${path}[${key}]` : path ? `${path}.${key}` : key));
}

/** Changes as lines: the path, then what has gone with `-` and what has come with `+`. */
export function written(found) {
  return found.flatMap(({ path, before, after }) => {
    const [old, now] = [before, after].map((value) => (value === undefined ? [] : text(value).split("\n")));
    while (old.length && now.length && old[0] === now[0]) { old.shift(); now.shift(); }
    while (old.length && now.length && old.at(-1) === now.at(-1)) { old.pop(); now.pop(); }
    return [`@@ ${path || "all of it"}`, ...old.map((line) => `-${line}`), ...now.map((line) => `+${line}`)];
  });
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
