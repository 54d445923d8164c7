// Which runs are on the charts, and which colour each of them keeps.
import { isGoing, type Card } from "./card";

export const MOST_SHOWN = 5;

/** The runs on the charts: each holds one of five slots (colour, dash, marker) while it is shown. */
export class Shown {
  private slots: (string | null)[] = Array<string | null>(MOST_SHOWN).fill(null);

  get ids(): string[] {
    return this.slots.filter((id): id is string => id !== null);
  }

  slot(id: string): number {
    return this.slots.indexOf(id);
  }

  get full(): boolean {
    return this.ids.length === MOST_SHOWN;
  }

  /** Put a run on the charts; false when all five places are taken. */
  add(id: string): boolean {
    if (this.slot(id) >= 0) return true;
    const free = this.slots.indexOf(null);
    if (free < 0) return false;
    this.slots[free] = id;
    return true;
  }

  remove(id: string): void {
    this.slots = this.slots.map((held) => (held === id ? null : held));
  }

  /** Make room for a run that has just started: ended runs that nobody overlaid leave. */
  admit(id: string, cards: Map<string, Card>, overlaid: Set<string>): void {
    if (this.slot(id) >= 0) return;
    for (const other of this.ids) {
      const card = cards.get(other);
      if (!overlaid.has(other) && !(card && isGoing(card))) this.remove(other);
    }
    this.add(id);
  }
}
