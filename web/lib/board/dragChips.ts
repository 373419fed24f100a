import type * as Kit from '@dnd-kit/dom';
import type { Attachment } from 'svelte/attachments';

export interface Point {
  x: number;
  y: number;
}

export interface ChipDrag {
  mayDrag: () => boolean;
  onStart: (computeId: string, at: Point) => void;
  /** `deviceId`: the card that it is over. */
  onMove: (at: Point, deviceId: string | null) => void;
  /** Null: nowhere, or given up. */
  onEnd: (deviceId: string | null) => void;
}

/** A finger that stays so long on a chip takes it; one that moves on scrolls the page. */
const TOUCH = { value: 250, tolerance: 8 };
/** From so many pixels on, a press is a drag and no click. */
const MOUSE = { value: 5 };

/**
 * Lets chips (`data-compute`) be dragged over cards (`data-device`) within an element, by pointer and by finger. Only the chip
 * that is pointed at is known to the library, and what is below the pointer is asked of the browser: so it costs the same with
 * 20 chips as with 2,000.
 */
export function dragChips(drag: ChipDrag): Attachment<HTMLElement> {
  return (board) => {
    const end = new AbortController();
    void import('@dnd-kit/dom').then((kit) => {
      if (!end.signal.aborted) begin(kit, board, drag, end.signal);
    });
    return () => end.abort();
  };
}

function begin(kit: typeof Kit, board: HTMLElement, drag: ChipDrag, signal: AbortSignal): void {
  const { AutoScroller, DragDropManager, PointerActivationConstraints: When, PointerSensor } = kit;
  const sensor = PointerSensor.configure({
    activationConstraints: ({ pointerType }) =>
      pointerType === 'touch' ? [new When.Delay(TOUCH)] : [new When.Distance(MOUSE)],
  });
  // Its own feedback, cursor and the like come as style sheets within the page, which the policy forbids.
  const manager = new DragDropManager({ plugins: [AutoScroller], sensors: [sensor] });
  let pointedAt: Kit.Draggable | null = null;
  let over: string | null = null;

  const point = ({ target }: PointerEvent) => {
    const chip = target instanceof Element ? target.closest<HTMLElement>('[data-compute]') : null;
    if (chip === null || chip === pointedAt?.element || !manager.dragOperation.status.idle) return;
    pointedAt?.destroy();
    pointedAt = null;
    const id = chip.dataset['compute'];
    if (id !== undefined && drag.mayDrag()) pointedAt = new kit.Draggable({ id, element: chip }, manager);
  };
  board.addEventListener('pointerover', point, { signal });
  // Chips look as if they could be taken once they can.
  if (drag.mayDrag()) board.dataset['draggable'] = '';

  manager.monitor.addEventListener('dragstart', ({ operation }) => {
    over = null;
    if (operation.source) drag.onStart(String(operation.source.id), operation.position.current);
  });
  manager.monitor.addEventListener('dragmove', ({ operation, to }) => {
    const at = to ?? operation.position.current;
    over = deviceAt(at);
    drag.onMove(at, over);
  });
  manager.monitor.addEventListener('dragend', ({ canceled }) => drag.onEnd(canceled ? null : over));
  signal.addEventListener('abort', () => manager.destroy());
}

function deviceAt({ x, y }: Point): string | null {
  return document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-device]')?.dataset['device'] ?? null;
}
