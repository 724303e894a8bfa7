/**
 * Keeps the long texts of all images within one bound: the least recently used images are shortened. Images of the usual size
 * are not counted, because the number of images is bounded too.
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

  /** Counts the texts of an image, or marks them as used. */
  keep(image: Image): void {
    if (!image.isLong || image.isShortened || this.#images.get(image)) return;
    this.#images.set(image, true);
  }
}
