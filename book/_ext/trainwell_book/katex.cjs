// Reads a list of {latex, display} from standard input, writes a list of {html} or {error}.
const katex = require(process.argv[2]);
const render = ({ latex, display }) => {
  try {
    return { html: katex.renderToString(latex, { displayMode: display, throwOnError: true, strict: "ignore" }) };
  } catch (error) {
    return { error: error.message };
  }
};
const formulas = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(formulas.map(render)));
