/* Loads htmx unless the host has it; copies text, opens dialogs, moves the focus, and says progress aloud. */
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

  function say(root) {
    const source = root && root.querySelector("[data-entra-say]");
    const text = source ? source.textContent.replace(/\s+/g, " ").trim() : "";
    if (!text || text === live.textContent) return;
    if (!live.isConnected) (document.querySelector("main") || document.body).append(live);
    live.textContent = text;
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
  });

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
  });

  loadHtmx();
})();
