/**
 * The long texts of images, kept within one bound for all: the least recently used are shortened. A text that is no longer
 * than usual is not counted, because the number of images is bounded too.
 */
import { LRUCache } from 'lru-cache';
import { MEMORY_BOUNDS, textBytes } from '../memory/memory_bounds.ts';
import type { Image } from './image.ts';

export class ImageTexts {
  readonly #images: LRUCache<Image, true>;

  constructor(maxBytes: number = MEMORY_BOUNDS.imageTexts) {
    this.#images = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (_, image) => textBytes(image.details),
      dispose: (_, image) => image.shorten(),
    });
  }

  get bytes(): number {
    return this.#images.calculatedSize;
  }

  /** Keeps the texts of an image, or marks them as used. */
  keep(image: Image): void {
    if (!image.isLong || image.isShortened || this.#images.get(image)) return;
    this.#images.set(image, true);
  }
}
