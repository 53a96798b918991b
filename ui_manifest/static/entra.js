/* Loads htmx unless the host has it; copies text, asks before irreversible acts, moves the focus. */
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

  document.addEventListener("click", (event) => {
    const copier = event.target.closest("[data-entra-copy]");
    if (copier) copy(copier);
    const opener = event.target.closest("[data-entra-open]");
    const dialog = opener && document.getElementById(opener.dataset.entraOpen);
    if (dialog) dialog.showModal();
    const closer = event.target.closest("[data-entra-close]");
    if (closer) closer.closest("dialog").close();
  });

  // Our answers say what is wrong in place, whatever their status.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.getResponseHeader("X-Entra-Fragment")) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const root = document.getElementById("entra-setup");
    const source = event.detail.requestConfig && event.detail.requestConfig.elt;
    if (!root || !root.contains(event.target) && event.target !== root) return;
    if (source && source.hasAttribute && source.hasAttribute("data-entra-poll")) return;
    const target = root.querySelector("[data-entra-focus]");
    if (target) target.focus();
  });

  loadHtmx();
})();
