import { AuditConnectorJoin } from '../../../../src/collect/audit_connector/audit_connector_join.ts';
import type { SensorEvent } from '../../../../src/collect/events.ts';
import type { TreeOptions } from '../../../../src/process/tree.ts';
import type { KernelModel } from '../../process/kernel_model.ts';
import { TreeHarness } from '../../process/tree_harness.ts';

/** A tree that gets the joined events of audit and the connector. */
export class JoinHarness extends TreeHarness {
  readonly join: AuditConnectorJoin;

  constructor(options: Partial<TreeOptions> = {}) {
    super(options);
    this.join = new AuditConnectorJoin({
      now: () => this.nowMs,
      publishWaitMs: () => 100,
      readProcess: (pid) => this.proc.read(pid),
    });
  }

  hear(events: readonly SensorEvent[]): this {
    this.tree.apply(this.join.take(events));
    return this;
  }

  override run(kernel: KernelModel): this {
    return this.hear(kernel.takeHalves());
  }

  flush(which: 'overdue' | 'all' = 'overdue', isOnItsWay: () => boolean = () => false): this {
    this.tree.apply(this.join.release(which, isOnItsWay));
    this.tree.flush(which);
    return this;
  }

  /** Lets time pass. */
  wait(ms: number): this {
    this.nowMs += ms;
    return this.flush();
  }
}
