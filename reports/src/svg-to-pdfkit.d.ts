/** Draws an SVG on a page of pdfkit; sizes in the SVG are CSS pixels. */
declare module 'svg-to-pdfkit' {
  export default function svgToPdf(
    document: PDFKit.PDFDocument,
    svg: string,
    x: number,
    y: number,
    options?: { fontCallback?: () => string; warningCallback?: (warning: string) => void },
  ): void;
}
