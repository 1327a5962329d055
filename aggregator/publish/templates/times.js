for (const time of document.querySelectorAll("time")) {
  time.title = time.dateTime;
  time.textContent = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short", year: "numeric",
    hour: "2-digit", minute: "2-digit", timeZoneName: time.dataset.zone}).format(new Date(time.dateTime));
}
