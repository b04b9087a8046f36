// Swagger UI over our own description; nothing is asked of any other machine.
{
  const api = /** @type {HTMLElement} */ (document.getElementById("api"));
  // What Swagger UI leaves without a name.
  const names = {
    "#servers": "Server",
    ".examples-select-element": "Example",
    ".close-modal": "Close",
    ".auth-container input": "Value",
  };
  const regions = { ".information-container": "About", ".scheme-container": "Server and token" };

  new MutationObserver(() => {
    for (const [selector, name] of Object.entries({ ...names, ...regions })) {
      for (const one of api.querySelectorAll(`${selector}:not([aria-label])`)) {
        one.setAttribute("aria-label", name);
        if (selector in regions) one.setAttribute("role", "region");
      }
    }
    // Samples scroll, but could not be reached with the Tab key.
    for (const one of api.querySelectorAll(".microlight:not([tabindex])")) one.setAttribute("tabindex", "0");
    // The words on this button are its name.
    api.querySelector(".auth-btn-wrapper [type=submit][aria-label]")?.removeAttribute("aria-label");
  }).observe(api, { childList: true, subtree: true });

  /** @param {any} _original @param {{React: any}} system */
  const plainPath = (_original, { React }) => {
    // A path is shown on a button; a link inside that button could not be told from it by a screen reader.
    return (/** @type {{text: string}} */ { text }) => React.createElement("span", {}, text);
  };
  /** @param {any} Original @param {{React: any}} system */
  const withHeading = (Original, { React }) => {
    const heading = React.createElement("h2", { className: "unseen" }, "Operations");
    return (/** @type {object} */ given) =>
      React.createElement(React.Fragment, {}, heading, React.createElement(Original, given));
  };
  SwaggerUIBundle({
    url: new URL("openapi.json", document.baseURI).href,
    domNode: api,
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    validatorUrl: null,
    plugins: [{ wrapComponents: { DeepLink: plainPath, operations: withHeading } }],
  });
}
