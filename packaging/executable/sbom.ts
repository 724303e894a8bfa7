/** The software bill of materials (CycloneDX) of the single executable, and the parts that packages read. */
import { ComponentType } from '@cyclonedx/cyclonedx-library/Enums';
import { Bom, Component, LicenseExpression, LicenseRepository, Property } from '@cyclonedx/cyclonedx-library/Models';
import { JSON as AsJson, JsonSerializer } from '@cyclonedx/cyclonedx-library/Serialize';
import { Spec1dot6 } from '@cyclonedx/cyclonedx-library/Spec';
import { licenseExpression, type Work } from './contents.ts';

/** Beside the executable. */
export const SBOM_FILE = 'process_ancestry.cdx.json';

/** The same parts give the same text: it has no time and no random serial number. */
export function sbomText(program: Work, works: readonly Work[], architecture: string): string {
  const bom = new Bom();
  const root = component(program, ComponentType.Application);
  root.properties.add(new Property('architecture', architecture));
  bom.metadata.component = root;
  const made = new Map(works.map((work) => [work.name, component(work, ComponentType.Library)]));
  for (const work of works) {
    const one = made.get(work.name);
    if (!one) continue;
    bom.components.add(one);
    const owner = work.partOf === undefined ? root : made.get(work.partOf);
    if (!owner) throw new Error(`${work.name} is a part of ${work.partOf}, which is not listed`);
    owner.dependencies.add(one.bomRef);
  }
  const serializer = new JsonSerializer(new AsJson.Normalize.Factory(Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

/** The licence of the whole executable, as an SPDX expression. */
export function licenseOf(sbom: string): string {
  const { components, metadata } = JSON.parse(sbom) as {
    metadata: { component: Licensed };
    components: Licensed[];
  };
  return licenseExpression(
    [metadata.component, ...components].flatMap(({ licenses }) =>
      licenses.map(({ expression }) => ({ license: expression })),
    ),
  );
}

interface Licensed {
  readonly licenses: readonly { readonly expression: string }[];
}

function component({ name, version, license, purl }: Work, type: ComponentType): Component {
  return new Component(type, name, {
    bomRef: version === undefined ? name : `${name}@${version}`,
    licenses: new LicenseRepository([new LicenseExpression(license)]),
    ...(version === undefined ? {} : { version }),
    ...(purl === undefined ? {} : { purl }),
  });
}
