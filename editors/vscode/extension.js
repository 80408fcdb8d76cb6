// Starts `clearpost lsp` for rule files and hands it to the editor. Colours need none of this.
"use strict";

const { window, workspace } = require("vscode");

let client;

exports.activate = async function activate() {
  const library = loaded();
  if (!library) {
    return;
  }
  const command = workspace.getConfiguration("clearpost").get("command", "clearpost");
  const server = { command, args: ["lsp"], transport: library.TransportKind.stdio };
  client = new library.LanguageClient(
    "clearpost",
    "Clearpost",
    { run: server, debug: server },
    { documentSelector: [{ language: "clearpost" }] },
  );
  try {
    await client.start();
  } catch (problem) {
    window.showWarningMessage(
      `'${command} lsp' does not start: ${problem.message}. ` +
        "Install Clearpost, or set clearpost.command to where it is.",
    );
  }
};

exports.deactivate = function deactivate() {
  return client && client.stop();
};

// The library that speaks the protocol; without it the extension colours and nothing more.
function loaded() {
  try {
    return require("vscode-languageclient/node");
  } catch {
    window.showInformationMessage(
      "Clearpost colours rule files. For findings, completion and renaming run 'npm install' in " +
        `${__dirname} once.`,
    );
    return undefined;
  }
}
