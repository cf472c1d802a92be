// Periods of whole days in the browser's time zone.

const zoned = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const ZONE = zoned && zoned !== "Etc/Unknown" ? zoned : "UTC";

/** [first day, last day], as they stand in date fields. */
export const PRESETS = {
  "Today": () => [day(0), day(0)],
  "Yesterday": () => [day(-1), day(-1)],
  "7 days": () => [day(-6), day(0)],
  "30 days": () => [day(-29), day(0)],
  "This month": () => [`${day(0).slice(0, 8)}01`, day(0)],
};

/** So many days from today, as 2026-11-30. */
export function day(shift) {
  const now = new Date(), then = new Date(now.getFullYear(), now.getMonth(), now.getDate() + shift);
  return [then.getFullYear(), then.getMonth() + 1, then.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

/** The moments at which the first day begins and the last one ends; empty for no day. */
export function moments(first, last) {
  const end = last && new Date(`${last}T00:00`);
  if (end) end.setDate(end.getDate() + 1);
  return { since: first && new Date(`${first}T00:00`).toISOString(), until: end && end.toISOString() };
}
