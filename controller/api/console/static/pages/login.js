// Logging in: a key is shown once, and the server keeps it in a cookie that no script can read.
import { ask, query } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";

export function open(main, done) {
  document.title = "Log in · voiceai";
  const problem = h("p", { class: "problem", role: "alert" });
  const token = h("input", { id: "token", type: "password", autocomplete: "current-password", required: true,
    "aria-describedby": "token-help" });
  const elsewhere = h("div", { class: "elsewhere", hidden: true });
  const button = h("button", { type: "submit", class: "main" }, "Log in");
  const form = h("form", { class: "login fields" }, h("h1", {}, "voiceai console"),
    elsewhere,
    h("div", { class: "field" }, h("label", { for: "token" }, "API token"), token,
      h("small", { id: "token-help" }, "An API key, or a token from config.yaml. To create one: ", h("code", {}, "voiceai token NAME"), " makes one.")),
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
      problem.textContent = (error.status === 401 ? "Wrong token." : `${error.message}. ${error.detail}`) + later;
      token.select();
    } finally {
      button.disabled = false;
    }
  });
  fill(main, form);
  token.focus();
  offer(elsewhere);
}

// Where the controller knows an OpenID provider, one may sign in there and come back to this page.
async function offer(place) {
  try {
    const { sign_in: name } = await ask("GET", "/console/options");
    if (!name) return;
    const here = location.hash.replace(/^#\/?/, "").split("?")[0];
    fill(place, h("a", { class: "button", href: `/console/sign-in${query({ next: here })}` }, `Sign in with ${name}`), h("p", {}, "or"));
    place.hidden = false;
  } catch {
    // A key still opens the console.
  }
}
