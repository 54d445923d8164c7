import assert from "node:assert/strict";
import { test } from "node:test";
import { followCells } from "./kernel";

/** Follow a kernel of that status, give it messages at once, and return what is announced half a second later. */
function announced(status: string, ...messages: [parent: string, state: string][]): boolean[] {
  const [announced, waiting] = [[] as boolean[], new Map<number, () => void>()];
  const clock = { setTimeout: (act: () => void) => waiting.set(waiting.size + 1, act).size, clearTimeout: (id: number) => void waiting.delete(id) };
  Object.assign(globalThis, { window: clock });
  let say = (..._: unknown[]): void => undefined;
  const iopubMessage = { connect: (hear: typeof say) => (say = hear), disconnect: () => undefined };
  followCells({ widget_manager: { kernel: { status, iopubMessage } } } as never, (working) => announced.push(working));
  messages.forEach(([parent, state]) => say(null, { header: { msg_type: "status" }, parent_header: { msg_type: parent }, content: { execution_state: state } }));
  waiting.forEach((act) => act());
  return announced;
}

test("a kernel found busy is free at the first idle, whatever it was busy with", () => {
  assert.deepEqual(announced("busy"), [true]);
  assert.deepEqual(announced("busy", ["comm_msg", "idle"]), [false]);
  assert.deepEqual(announced("busy", ["kernel_info_request", "busy"], ["kernel_info_request", "idle"]), [false]);
});

test("once a cell has been seen, other messages say nothing of cells", () => {
  assert.deepEqual(announced("idle", ["comm_msg", "busy"], ["comm_msg", "idle"]), []);
  assert.deepEqual(announced("busy", ["execute_request", "busy"], ["comm_msg", "idle"]), [true]);
  assert.deepEqual(announced("idle", ["execute_request", "busy"], ["execute_request", "idle"]), [false]);
});
