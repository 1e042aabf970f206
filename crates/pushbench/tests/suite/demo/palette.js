// A PNG (base64) as one of 256 colours, cut to a size: a quarter of the bytes. Colours that are rare go to the nearest
// of the frequent ones. The body of an async function, called with the picture, width and height.
const [png, width, height] = arguments;
const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(png), (char) => char.charCodeAt(0))]));
const context = new OffscreenCanvas(width, height).getContext('2d');
context.drawImage(bitmap, 0, 0);
const { data } = context.getImageData(0, 0, width, height);
const at = (pixel) => (data[4 * pixel] << 16) | (data[4 * pixel + 1] << 8) | data[4 * pixel + 2];
const counts = new Map();
for (let pixel = 0; pixel < width * height; pixel += 1) counts.set(at(pixel), (counts.get(at(pixel)) ?? 0) + 1);
const palette = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 256).map(([colour]) => colour);
const parts = (colour) => [colour >> 16, (colour >> 8) & 255, colour & 255];
const apart = (a, b) => parts(a).reduce((sum, part, nth) => sum + (part - parts(b)[nth]) ** 2, 0);
const nearest = new Map(palette.map((colour, index) => [colour, index]));
for (const colour of counts.keys()) {
    if (nearest.has(colour)) continue;
    nearest.set(colour, palette.reduce((best, other, index) => (apart(other, colour) < apart(palette[best], colour) ? index : best), 0));
}
const rows = new Uint8Array((width + 1) * height);
for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) rows[y * (width + 1) + 1 + x] = nearest.get(at(y * width + x));
const deflated = await new Response(new Blob([rows]).stream().pipeThrough(new CompressionStream('deflate'))).arrayBuffer();
const crc = (bytes) => {
    let rest = -1;
    for (const byte of bytes) {
        rest ^= byte;
        for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
    }
    return ~rest >>> 0;
};
const number = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const chunk = (name, body) => {
    const named = [...[...name].map((char) => char.charCodeAt(0)), ...body];
    return [...number(body.length), ...named, ...number(crc(named))];
};
const file = [
    137, 80, 78, 71, 13, 10, 26, 10,
    ...chunk('IHDR', [...number(width), ...number(height), 8, 3, 0, 0, 0]),
    ...chunk('PLTE', palette.flatMap(parts)),
    ...chunk('IDAT', [...new Uint8Array(deflated)]),
    ...chunk('IEND', []),
];
let text = '';
for (const byte of file) text += String.fromCharCode(byte);
return btoa(text);
