// A button that puts a text into the clipboard. The text comes as data and is never markup.
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const label = parentElement.querySelector(".label");
  const told = parentElement.querySelector("[role=status]");
  label.textContent = data.label;

  const say = (words) => {
    told.textContent = words;
    window.setTimeout(() => (told.textContent = ""), 4000);
  };

  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(data.text);
      say(data.done);
    } catch {
      say(data.refused); // a browser without TLS has no clipboard, or the person said no
    }
  };
}
