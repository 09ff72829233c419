// This browser as the agent's phone. Loaded only where it is one, together with the carrier's own library.
(() => {
  "use strict";
  const box = document.querySelector("[data-phone]");
  if (!box || !window.Twilio) return;
  const state = box.querySelector("#phone-state");
  const button = (what) => box.querySelector(`[data-phone-do="${what}"]`);
  const csrf = document.querySelector('input[name="csrf"]').value;
  let call = null;
  let bridging = false;

  const show = (words, ...shown) => {
    state.textContent = words;
    for (const what of ["answer", "mute", "end"]) button(what).hidden = !shown.includes(what);
  };
  const token = async () => {
    const answer = await fetch("/console/phone/token", { method: "POST", headers: { "X-CSRF-Token": csrf } });
    if (!answer.ok) throw new Error("no token");
    return (await answer.json()).token;
  };
  const over = () => { call = null; show("Ready: your call comes here."); };

  const start = async () => {
    const device = new window.Twilio.Device(await token(), { closeProtection: true, logLevel: "silent" });
    device.on("registered", () => { if (!call) over(); });
    device.on("unregistered", () => show("Not connected. Reload the page to try again."));
    device.on("error", () => { if (!call) show("The phone does not work. Check the microphone and reload the page."); });
    device.on("tokenWillExpire", async () => { try { device.updateToken(await token()); } catch { /* told when it ends */ } });
    device.on("incoming", (incoming) => {
      call = incoming;
      for (const end of ["disconnect", "cancel", "reject", "error"]) call.on(end, over);
      call.on("accept", () => show("You are in the call.", "mute", "end"));
      if (bridging) call.accept();
      else { show("A call for you.", "answer", "end"); button("answer").focus(); }
    });
    await device.register();
    window.addEventListener("pagehide", () => device.destroy());
  };

  box.addEventListener("click", (event) => {
    const what = event.target.closest("[data-phone-do]")?.dataset.phoneDo;
    if (!call || !what) return;
    if (what === "answer") call.accept();
    if (what === "end") { if (call.status() === "pending") call.reject(); else call.disconnect(); }
    if (what === "mute") {
      call.mute(!call.isMuted());
      button("mute").setAttribute("aria-pressed", String(call.isMuted()));
      button("mute").textContent = call.isMuted() ? "Muted" : "Mute";
    }
  });
  // Whoever presses Bridge wants the call that it brings.
  document.addEventListener("submit", (event) => { if (event.target.id === "act-bridge") bridging = true; }, true);
  start().catch(() => show("The phone does not connect. Reload the page, or have yourself called on your phone."));
})();
