import { BACKBONES, buildBackbone } from '@refconv/backbones';
import '@refconv/tensorflow';

for (const id of BACKBONES.ids())
  for (const variant of BACKBONES.get ? ['imagenet', 'cifar'] : []) {
    if (id === 'resnet20_cifar' && variant === 'imagenet') continue;
    const t = process.cpuUsage().user;
    const m = buildBackbone(id, { variant });
    const b = process.cpuUsage().user;
    m.dispose();
    console.log(id, variant, ((b - t) / 1e6).toFixed(2));
  }
console.log(process.cpuUsage());
