// Which runs are on the charts, and which colour each of them has.
import { isGoing, type Card } from "./card";

export const MOST_SHOWN = 5;

/** The runs on the charts: each has one of five line styles (colour, dash, marker), its own if that is free. */
export class Shown {
  private held: string[] = [];

  /** `style` is the number of a run's line style on the whole page; null when it has none. */
  constructor(private readonly style: (id: string) => number | null) {}

  get ids(): string[] {
    return this.held;
  }

  /** The place of each run; of two with the same style, the later takes a free place. */
  get places(): Map<string, number> {
    const places = new Map<string, number>();
    const taken = (place: number | null): boolean => place === null || [...places.values()].includes(place);
    for (const id of this.held) if (!taken(this.style(id))) places.set(id, this.style(id)!);
    const free = (): number => [...Array(MOST_SHOWN).keys()].find((place) => !taken(place))!;
    for (const id of this.held) if (!places.has(id)) places.set(id, free());
    return places;
  }

  /** Put a run on the charts; false when all five places are taken. */
  add(id: string): boolean {
    if (this.held.includes(id)) return true;
    if (this.held.length === MOST_SHOWN) return false;
    this.held.push(id);
    return true;
  }

  remove(id: string): void {
    this.held = this.held.filter((one) => one !== id);
  }

  /** Show a run that has just started; ended runs that were not overlaid by hand are taken off. */
  admit(id: string, cards: Map<string, Card>, overlaid: Set<string>): void {
    if (this.held.includes(id)) return;
    for (const other of this.ids) {
      const card = cards.get(other);
      if (!overlaid.has(other) && !(card && isGoing(card))) this.remove(other);
    }
    this.add(id);
  }
}
