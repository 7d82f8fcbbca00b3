// The job as a script.
function patch(text) {
  const question = JSON.parse(text);
  question.data.mode = "honor";
  return JSON.stringify(question);
}
