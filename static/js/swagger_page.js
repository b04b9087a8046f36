// Swagger UI over our own description; nothing is asked of any other machine.
const api = document.getElementById("api");
// What Swagger UI leaves without a name, and what scrolls but cannot be reached with the Tab key.
const NAMES = {
  "#servers": "Server",
  ".examples-select-element": "Example",
  ".close-modal": "Close",
  ".auth-container input": "Value",
};
const PARTS = { ".information-container": "About", ".scheme-container": "Server and token" };
new MutationObserver(() => {
  for (const [what, name] of Object.entries({ ...NAMES, ...PARTS })) {
    for (const one of api.querySelectorAll(`${what}:not([aria-label])`)) {
      one.setAttribute("aria-label", name);
      if (what in PARTS) one.setAttribute("role", "region");
    }
  }
  for (const one of api.querySelectorAll(".microlight:not([tabindex])")) one.tabIndex = 0;
  api.querySelector(".auth-btn-wrapper [type=submit][aria-label]")?.removeAttribute("aria-label"); // what it shows is its name
}).observe(api, { childList: true, subtree: true });

SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  domNode: api,
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
  plugins: [
    {
      wrapComponents: {
        // A path is shown on a button; as a link inside that button no screen reader could tell the two apart.
        DeepLink:
          (_, { React }) =>
          ({ text }) =>
            React.createElement("span", {}, text),
        operations:
          (Original, { React }) =>
          (given) =>
            React.createElement(
              React.Fragment,
              {},
              React.createElement("h2", { className: "unseen" }, "Operations"),
              React.createElement(Original, given),
            ),
      },
    },
  ],
});
