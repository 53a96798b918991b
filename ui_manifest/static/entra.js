/* Loads htmx unless the host has it; copies text, opens dialogs, moves the focus, and says progress aloud.
   Rows to decide about can be gone through by keyboard, questions be ticked all at once. */
(() => {
  "use strict";
  if (window.entraReady) return;
  window.entraReady = true;

  const here = document.currentScript && document.currentScript.src;

  function loadHtmx() {
    if (window.htmx || !here) return;
    const present = [...document.scripts].some((s) => /htmx[^/]*\.js(\?|$)/.test(s.src));
    if (present) return;
    if (!document.querySelector('meta[name="htmx-config"]')) {
      const meta = document.createElement("meta");
      meta.name = "htmx-config";
      meta.content = '{"includeIndicatorStyles":false,"allowEval":false}';
      document.head.append(meta);
    }
    const script = document.createElement("script");
    script.src = new URL("htmx.min.js", here).href;
    document.head.append(script);
  }

  function copy(button) {
    const source = document.getElementById(button.dataset.entraCopy);
    const said = button.parentElement.querySelector("[data-entra-copied]");
    if (!source || !navigator.clipboard) return;
    navigator.clipboard.writeText(source.textContent.trim()).then(() => {
      if (said) said.textContent = said.dataset.entraCopied;
    });
  }

  // What is swapped in cannot announce itself: the region has to be there before its text changes.
  const live = document.createElement("div");
  live.id = "entra-live";
  live.className = "entra-hidden";
  live.setAttribute("role", "status");

  function speak(text) {
    if (!text || text === live.textContent) return;
    if (!live.isConnected) (document.querySelector("main") || document.body).append(live);
    live.textContent = text;
  }

  function say(root) {
    const source = root && root.querySelector("[data-entra-say]");
    speak(source ? source.textContent.replace(/\s+/g, " ").trim() : "");
  }

  const page = () => document.querySelector("[data-entra-title]");
  const isPoll = (element) => Boolean(element && element.hasAttribute && element.hasAttribute("data-entra-poll"));

  function lost(isLost) {
    const notice = document.querySelector("[data-entra-lost]");
    if (notice) notice.hidden = !isLost;
  }

  document.addEventListener("click", (event) => {
    const copier = event.target.closest("[data-entra-copy]");
    if (copier) copy(copier);
    const opener = event.target.closest("[data-entra-open]");
    const dialog = opener && document.getElementById(opener.dataset.entraOpen);
    if (dialog) dialog.showModal();
    const closer = event.target.closest("[data-entra-close]");
    if (closer) closer.closest("dialog").close();
  });

  // A field that is being corrected is no longer known to be wrong.
  document.addEventListener("input", (event) => {
    if (event.target.closest(".entra")) event.target.removeAttribute("aria-invalid");
    if (event.target.closest("[data-entra-row]")) recount();
  });

  // Rows to decide about: what is chosen counts from the moment it differs from what is in force.
  const deciding = () => document.getElementById("entra-decide");
  const rows = () => [...document.querySelectorAll("[data-entra-row]")];
  const selectOf = (row) => row.querySelector("select[data-entra-was]");
  const typedIn = (row) => row.querySelector("input[list]");
  const isChosen = (row) => selectOf(row).value !== selectOf(row).dataset.entraWas || typedIn(row).value.trim() !== "";

  function recount() {
    if (!deciding()) return 0;
    const choosable = rows().filter(selectOf);
    for (const row of choosable) {
      row.classList.toggle("entra-row--chosen", isChosen(row));
      row.querySelector(".entra-chosen").hidden = !isChosen(row);
    }
    const count = choosable.filter(isChosen).length;
    const shown = document.querySelector("[data-entra-count]");
    if (shown) shown.textContent = count;
    return count;
  }

  function onlyTabStop(row) {
    for (const other of rows()) other.tabIndex = other === row ? 0 : -1;
  }

  function tellChoice(row, choice) {
    const name = document.getElementById(row.getAttribute("aria-labelledby")).textContent;
    speak(deciding().dataset.entraSaid.replace("{name}", name).replace("{choice}", choice));
  }

  function choose(row, value) {
    const select = selectOf(row);
    if (!select || value === undefined || ![...select.options].some((option) => option.value === value)) return;
    select.value = value;
    typedIn(row).value = "";
    recount();
    tellChoice(row, select.selectedOptions[0].textContent);
  }

  function candidate(row, position) {
    const option = row.querySelectorAll("[data-entra-suggested] option")[position];
    return option && position < 3 ? option.value : undefined;
  }

  function step(row, by) {
    const all = rows();
    const last = all.find((other) => other.tabIndex === 0);
    const next = row ? all[all.indexOf(row) + by] : last || all[0];
    if (next) next.focus();
  }

  function confirmChosen() {
    const button = document.querySelector("[data-entra-confirm]");
    if (button && !button.disabled) button.click();
  }

  function showKeys() {
    const help = document.getElementById("entra-keys");
    if (!help) return;
    help.open = true;
    help.querySelector("summary").focus();
  }

  const OFF = "entra.keys.off";
  const areOff = () => { try { return localStorage.getItem(OFF) !== null; } catch { return false; } };

  function switchKeys(on) {
    try { on ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1"); } catch { /* they stay on */ }
  }

  const EVERYWHERE = {
    "j": (row) => step(row, 1),
    "k": (row) => step(row, -1),
    "/": () => document.getElementById("entra-q").focus(),
    "?": showKeys,
  };
  const ON_A_ROW = {
    "ArrowDown": (row) => step(row, 1),
    "ArrowUp": (row) => step(row, -1),
    "1": (row) => choose(row, candidate(row, 0)),
    "2": (row) => choose(row, candidate(row, 1)),
    "3": (row) => choose(row, candidate(row, 2)),
    "c": (row) => choose(row, "create_new"),
    "s": (row) => choose(row, "skipped"),
    "u": (row) => choose(row, selectOf(row).dataset.entraWas),
    "Enter": confirmChosen,
  };

  document.addEventListener("keydown", (event) => {
    if (!deciding() || event.defaultPrevented || event.isComposing || event.altKey || event.metaKey) return;
    const at = event.target;
    const row = at.closest("[data-entra-row]");
    const inField = at.matches("input, select, textarea, [contenteditable]");
    if (event.key === "Enter" && event.ctrlKey && deciding().contains(at)) {
      event.preventDefault();
      confirmChosen();
    } else if (inField && row && event.key === "Escape") {
      row.focus();
    } else if (!inField && !event.ctrlKey && !areOff() && !document.querySelector("dialog[open]")) {
      const act = EVERYWHERE[event.key] || (row && row === at && selectOf(row) && ON_A_ROW[event.key]);
      if (!act) return;
      event.preventDefault();
      act(row);
    }
  });

  // Questions to answer alike: tick them one by one, or all that are shown.
  const tickable = () => [...document.querySelectorAll("[data-entra-choose]")];

  function countTicked() {
    const all = tickable();
    const count = all.filter((box) => box.checked).length;
    const shown = document.querySelector("[data-entra-chosen]");
    if (shown) shown.textContent = count;
    const every = document.querySelector("[data-entra-choose-all]");
    if (!every) return;
    every.checked = count > 0 && count === all.length;
    every.indeterminate = count > 0 && count < all.length;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-entra-choose-all]")) {
      for (const box of tickable()) box.checked = event.target.checked;
    }
    if (event.target.matches("[data-entra-choose], [data-entra-choose-all]")) countTicked();
  });

  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-entra-row]");
    if (row) onlyTabStop(row);
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-entra-all]")) tickAll(event.target);
    if (event.target.matches("[data-entra-keys-on]")) switchKeys(event.target.checked);
    const row = event.target.closest("[data-entra-row]");
    if (row) recount();
  });

  // What is chosen and not confirmed is not left behind by mistake.
  document.addEventListener("htmx:confirm", (event) => {
    if (!event.target.closest("[data-entra-leave]") || !recount()) return;
    event.preventDefault();
    if (window.confirm(deciding().dataset.entraUnsaved)) event.detail.issueRequest(true);
  });
  window.addEventListener("beforeunload", (event) => {
    if (recount() || isEdited()) event.preventDefault();
  });

  // Nor is what was entered in a form, or came back with it because it could not be saved.
  function isEdited() {
    return [...document.querySelectorAll("form[data-entra-edit]")].some((form) =>
      form.dataset.entraEdit === "kept" || [...form.elements].some(differs));
  }

  function differs(field) {
    if (field.type === "checkbox") return field.checked !== field.defaultChecked;
    if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected);
    return field.defaultValue !== undefined && field.value !== field.defaultValue;
  }

  function readyRows() {
    if (!deciding()) return;
    const named = rows().find((row) => `#${row.id}` === location.hash);
    const all = rows();
    if (!all.some((row) => row.tabIndex === 0) && all.length) onlyTabStop(named || all[0]);
    const on = document.querySelector("[data-entra-keys-on]");
    if (on) on.checked = !areOff();
    recount();
  }

  function tickAll(source) {
    for (const box of source.form.elements) if (box.name === source.dataset.entraAll) box.checked = source.checked;
  }

  // Our answers say what is wrong in place, whatever their status.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.getResponseHeader("X-Entra-Fragment")) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:sendError", () => lost(true));
  document.addEventListener("htmx:responseError", (event) => {
    if (!event.detail.xhr.getResponseHeader("X-Entra-Fragment")) lost(true);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) lost(false);
  });

  function tellTitle(root) {
    const title = root.dataset.entraTitle;
    if (!title || !window.entraTitle || title === window.entraTitle) return;
    document.title = document.title.replace(window.entraTitle, title);
    window.entraTitle = title;
  }

  function moveFocus(root, source) {
    const lostFocus = document.activeElement === null || document.activeElement === document.body;
    if (isPoll(source) && !lostFocus) return;
    if (isPoll(source) && !window.entraFocusInside) return;
    const target = root.querySelector("[data-entra-focus]");
    if (target) target.focus();
  }

  document.addEventListener("htmx:beforeRequest", () => {
    const root = page();
    window.entraFocusInside = Boolean(root && root.contains(document.activeElement));
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const source = event.detail.requestConfig && event.detail.requestConfig.elt;
    const root = page();
    const panel = event.target.closest && event.target.closest(".entra-panel");
    if (panel) say(panel);
    readyRows();
    countTicked();
    if (!root || !(root === event.target || root.contains(event.target))) return;
    tellTitle(root);
    say(event.target.querySelector("[data-entra-say]") ? event.target : root);
    if (root === event.target || isPoll(source)) moveFocus(root, source);
  });

  document.addEventListener("DOMContentLoaded", () => {
    const root = page();
    if (!root) return;
    window.entraTitle = root.dataset.entraTitle;
    const message = root.querySelector(".entra-message[data-entra-focus]");
    if (message) message.focus();
    readyRows();
    countTicked();
    const named = rows().find((row) => `#${row.id}` === location.hash);
    if (named) named.focus();
  });

  loadHtmx();
})();
