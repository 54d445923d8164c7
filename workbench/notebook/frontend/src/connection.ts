// The page's one line to Python: custom messages, synchronised traits, and whether the kernel lives.

/** What anywidget hands to a view. */
export interface AnyModel {
  get(name: string): unknown;
  on(name: string, handler: (...payload: any[]) => void): void;
  off(name: string, handler: (...payload: any[]) => void): void;
  send(content: unknown): void;
  /** In Jupyter it knows the kernel. */
  widget_manager?: any;
}

export type Tab = "setup" | "run" | "results";
type Handler = (payload: any, buffers: DataView[]) => void;

export interface Connection {
  /** Send `{type, ...payload}` to Python as a custom message. */
  send(type: string, payload?: Record<string, unknown>): void;
  /** Call `handler` for messages of one type; the function returned ends that. */
  on(type: string, handler: Handler): () => void;
  /** Read a synchronised trait. */
  get<T>(trait: string): T;
  /** Call `handler` when a trait changes; the function returned ends that. */
  watch(trait: string, handler: () => void): () => void;
  /** Whether the kernel still answers to this widget. */
  readonly alive: boolean;
  onAlive(handler: (alive: boolean) => void): () => void;
  /** Open a tab of the workbench; a trace view has none and ignores it. */
  goto(tab: Tab): void;
  /** Speak a sentence to screen readers: politely, or at once when it is urgent. */
  announce(sentence: string, urgent?: boolean): void;
}

/** The frame's part of a connection: what the shell gives it. */
interface Frame {
  goto(tab: Tab): void;
  announce(sentence: string, urgent?: boolean): void;
}

/** Join the model of one view with its frame; returns the connection and its clean-up. */
export function connect(model: AnyModel, frame: Frame): [Connection, () => void] {
  const handlers = new Listeners<Handler>();
  const lives = new Listeners<(alive: boolean) => void>();
  const remove: (() => void)[] = [];
  let alive = true;

  const listen = (name: string, handler: (...payload: any[]) => void): (() => void) => {
    model.on(name, handler);
    const end = (): void => model.off(name, handler);
    remove.push(end);
    return end;
  };
  const setAlive = (now: boolean): void => {
    if (now === alive) return;
    alive = now;
    lives.all("").forEach((handler) => handler(now));
  };

  listen("msg:custom", (content: any, buffers: DataView[] = []) => {
    setAlive(true);
    handlers.all(String(content?.type)).forEach((handler) => handler(content, buffers));
  });
  listen("comm_live_update", function (this: unknown) {
    setAlive(isLive(this));
  });

  const connection: Connection = {
    send: (type, payload = {}) => alive && model.send({ type, ...payload }),
    on: (type, handler) => handlers.add(type, handler),
    get: <T>(trait: string) => model.get(trait) as T,
    watch: (trait, handler) => listen(`change:${trait}`, handler),
    get alive() {
      return alive;
    },
    onAlive: (handler) => lives.add("", handler),
    ...frame,
  };
  return [connection, () => remove.forEach((end) => end())];
}

/** The view that anywidget binds its listeners to knows its model; without it, the event means "gone". */
function isLive(view: unknown): boolean {
  return (view as { model?: { comm_live?: boolean } } | undefined)?.model?.comm_live ?? false;
}

class Listeners<H> {
  private readonly byName = new Map<string, Set<H>>();

  add(name: string, handler: H): () => void {
    const set = this.byName.get(name) ?? new Set<H>();
    this.byName.set(name, set.add(handler));
    return () => set.delete(handler);
  }

  all(name: string): H[] {
    return [...(this.byName.get(name) ?? [])];
  }
}
