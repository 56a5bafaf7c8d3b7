"""Makes odd.json: small files of odd kinds, and what Pillow's convert('RGB') gives of them. python odd.py (Pillow 13.0)."""
import base64
import io
import json
import pathlib
import struct

from PIL import Image

found = {}


def keep(name, data):
    text = lambda b: base64.b64encode(b).decode()
    found[name] = {'file': text(data), 'rgb': text(Image.open(io.BytesIO(data)).convert('RGB').tobytes())}


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gradient(mode, size=(8, 4)):
    image = Image.new(mode, size)
    for y in range(size[1]):
        for x in range(size[0]):
            image.putpixel((x, y), tuple((x * (17 + 5 * c) + y * (31 - 3 * c) + 40 * c) % 256 for c in range(len(image.getbands()))))
    return image


keep('cmyk.jpg', saved(gradient('CMYK'), 'JPEG', quality=100, subsampling=0))
for compression in ['raw', 'tiff_lzw']:
    keep(f'cmyk-{compression}.tif', saved(gradient('CMYK'), 'TIFF', compression=compression))
    keep(f'ycbcr-{compression}.tif', saved(gradient('YCbCr'), 'TIFF', compression=compression))
keep('ycbcr-jpeg.tif', saved(gradient('RGB'), 'TIFF', compression='jpeg'))

palette = Image.new('P', (8, 4))
palette.putpalette([value for k in range(256) for value in (k, 255 - k, (k * 7) % 256)])
for x in range(8):
    for y in range(4):
        palette.putpixel((x, y), x * 8 + y)
keep('plain.gif', saved(palette, 'GIF'))
for name, options in [('transparent.gif', {'transparency': 9, 'interlace': 1}), ('opaque.gif', {})]:
    data = saved(palette, 'GIF', **options)
    keep(name, data)
    # The same picture on a larger canvas.
    keep(f'small-{name}', data[:6] + struct.pack('<HH', 10, 6) + data[10:])
keep('animated.gif', saved(palette, 'GIF', save_all=True, append_images=[palette.rotate(180)], transparency=9))
keep('transparent.png', saved(palette, 'PNG', transparency=9))

for name, image in [('24.bmp', gradient('RGB', (5, 3))), ('32.bmp', gradient('RGBA')), ('1.bmp', gradient('RGB').convert('1')), ('8.bmp', palette)]:
    keep(name, saved(image, 'BMP'))


def bmp(bits, compression, body, height=2, colours=b'', masks=b''):
    start = 54 + len(masks) + len(colours)
    head = struct.pack('<IiiHHIIiiII', 40, 4, height, 1, bits, compression, len(body), 0, 0, len(colours) // 4, 0)
    return b'BM' + struct.pack('<IHHI', start + len(body), 0, 0, start) + head + masks + colours + body


sixteen = struct.pack('<8H', 0x7FFF, 0x1234, 0x0FED, 0x7C00, 0x03E0, 0xF01F, 0x5555, 0x2AAA)
colours = b''.join(bytes((k * 3 % 256, k * 5 % 256, k * 7 % 256, 0)) for k in range(256))
keep('16.bmp', bmp(16, 0, sixteen))
keep('565.bmp', bmp(16, 3, sixteen, masks=struct.pack('<3I', 0xF800, 0x7E0, 0x1F)))
keep('top-down.bmp', bmp(24, 0, bytes(range(24)), height=-2))
keep('4.bmp', bmp(4, 0, bytes([0x12, 0x34, 0, 0, 0x56, 0x78, 0, 0]), colours=colours[:64]))
keep('rle8.bmp', bmp(8, 1, bytes([3, 10, 1, 20, 0, 0, 0, 4, 1, 2, 3, 4, 0, 1]), colours=colours))
keep('rle8-moves.bmp', bmp(8, 1, bytes([2, 10, 0, 2, 1, 1, 1, 99, 0, 1]), colours=colours))
keep('rle4.bmp', bmp(4, 2, bytes([4, 0x12, 0, 0, 0, 3, 0x12, 0x30, 1, 0x50, 0, 0, 0, 1]), colours=colours[:64]))

for name, image in [('p6.ppm', gradient('RGB')), ('p5.pgm', gradient('RGB').convert('L')), ('p4.pbm', gradient('RGB', (11, 3)).convert('1'))]:
    keep(name, saved(image, 'PPM'))
keep('p6-100.ppm', b'P6\n# a comment\n2 1 100\n' + bytes([0, 50, 100, 33, 66, 99]))
keep('p6-16.ppm', b'P6 2 1 65535\n' + struct.pack('>6H', 0, 1000, 30000, 65535, 40000, 128))
keep('p3.ppm', b'P3\n# a comment\n2 2 100\n0 50 100  33 66 99\n1 2 3 100 99 98\n')
keep('p2.pgm', b'P2 2 2 15 0 7\n8 15')
keep('p1.pbm', b'P1\n3 2\n101\n0 1 0\n')

json.dump(found, open(pathlib.Path(__file__).parent / 'odd.json', 'w'), indent=1)
