for (const time of document.querySelectorAll("time")) {
  time.title = time.dateTime;
  time.textContent = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short", year: "numeric",
    hour: "2-digit", minute: "2-digit", timeZoneName: time.dataset.zone}).format(new Date(time.dateTime));
}
for (const button of document.querySelectorAll(".address button")) {
  const address = button.previousElementSibling, status = button.nextElementSibling;
  button.hidden = false;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(address);
    try {
      await navigator.clipboard.writeText(address.textContent);
    } catch { // only pages of https and of this machine have a clipboard
      document.execCommand("copy");
    }
    status.textContent = "Copied";
  });
}
