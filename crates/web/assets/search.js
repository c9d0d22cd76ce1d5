// Search as you type. Without this file the form works by itself.
const form = document.querySelector("form[data-live]");
if (form) {
  const field = form.querySelector("input[name=q]");
  const place = document.getElementById("results");
  let waiting = 0;
  let running = null;
  const ask = async () => {
    running?.abort();
    const mine = (running = new AbortController());
    const address = new URL(form.action);
    for (const [name, value] of new FormData(form)) if (value) address.searchParams.set(name, value);
    history.replaceState(null, "", address);
    address.searchParams.set("part", "results");
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { signal: mine.signal, headers: { accept: "text/html" } });
      // a session that ended is answered with the way to the sign-in page, which has no place among results
      if (answer.redirected) location.reload();
      else if (answer.ok) {
        place.innerHTML = await answer.text();
        document.title = `${address.searchParams.get("q") || "Search"} · Cresset`;
      }
    } catch (problem) {
      if (problem.name !== "AbortError") form.submit();
    } finally {
      if (running === mine) place.removeAttribute("aria-busy");
    }
  };
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 120);
  });
  // what was typed before this file came
  if (field.value !== field.defaultValue) ask();
}
