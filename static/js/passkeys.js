// Passkeys: a form with data-passkey asks the browser for a credential when it is submitted, then posts it.
const decode = (text) => {
  const plain = text.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(plain), (letter) => letter.charCodeAt(0));
};

const encode = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const known = (list) => (list ?? []).map((item) => ({ ...item, id: decode(item.id) }));

const creation = ({ publicKey }, passwordless) => ({
  publicKey: {
    ...publicKey,
    challenge: decode(publicKey.challenge),
    user: { ...publicKey.user, id: decode(publicKey.user.id) },
    excludeCredentials: known(publicKey.excludeCredentials),
    authenticatorSelection: {
      ...publicKey.authenticatorSelection,
      residentKey: passwordless ? "required" : "discouraged",
      requireResidentKey: passwordless,
      ...(passwordless && { userVerification: "required" }),
    },
  },
});

const assertion = ({ publicKey }) => ({
  publicKey: {
    ...publicKey,
    challenge: decode(publicKey.challenge),
    allowCredentials: known(publicKey.allowCredentials),
  },
});

const RESPONSE = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

const written = (credential) => {
  const response = {};
  for (const name of RESPONSE) {
    if (credential.response[name]) response[name] = encode(credential.response[name]);
  }
  const transports = credential.response.getTransports?.();
  if (transports) response.transports = transports;
  return JSON.stringify({
    type: credential.type,
    id: credential.id,
    rawId: encode(credential.rawId),
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
};

const options = async (form) => {
  if (!form.dataset.options) return JSON.parse(document.getElementById("passkey-options").textContent);
  const answer = await fetch(form.dataset.options, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
};

const ask = async (form) => {
  const offered = await options(form);
  if (form.dataset.passkey !== "create") return navigator.credentials.get(assertion(offered.request_options));
  return navigator.credentials.create(creation(offered.creation_options, form.elements.passwordless.checked));
};

const say = (form, text) => {
  const place = form.querySelector("[data-passkey-error]");
  place.textContent = text;
  place.hidden = !text;
};

const reason = (form, error) => {
  const texts = form.querySelector("[data-passkey-error]").dataset;
  if (error.name === "InvalidStateError") return texts.known;
  return error.name === "SecurityError" ? texts.unable : texts.refused;
};

const submit = async (form) => {
  const button = form.querySelector("button[type=submit]");
  button.setAttribute("aria-busy", "true");
  say(form, "");
  try {
    form.elements.credential.value = written(await ask(form));
    form.submit();
  } catch (error) {
    say(form, reason(form, error));
    button.removeAttribute("aria-busy");
  }
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const able = window.PublicKeyCredential !== undefined;
  if (!able) {
    form.querySelector("button[type=submit]").disabled = true;
    say(form, form.querySelector("[data-passkey-error]").dataset.unable);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (able) submit(form);
  });
}
