// Logging in: a token is shown once, and the server keeps it in a cookie that no script can read.
import { ask } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";

export function open(main, done) {
  document.title = "Log in · voiceai";
  const problem = h("p", { class: "problem", role: "alert" });
  const token = h("input", { id: "token", type: "password", autocomplete: "current-password", required: true,
    "aria-describedby": "token-help" });
  const button = h("button", { type: "submit", class: "main" }, "Log in");
  const form = h("form", { class: "login fields" }, h("h1", {}, "voiceai console"),
    h("div", { class: "field" }, h("label", { for: "token" }, "API token"), token,
      h("small", { id: "token-help" }, "One of ", h("code", {}, "api.tokens"), " in the config; ",
        h("code", {}, "voiceai token NAME"), " makes one.")),
    problem, h("div", { class: "buttons" }, button));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = "";
    try {
      await ask("POST", "/console/session", { token: token.value.trim() });
      token.value = "";
      await done();
    } catch (error) {
      const later = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
      problem.textContent = (error.status === 401 ? "This token is not known here." : `${error.message}. ${error.detail}`) + later;
      token.select();
    } finally {
      button.disabled = false;
    }
  });
  fill(main, form);
  token.focus();
}
