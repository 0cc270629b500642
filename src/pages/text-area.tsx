/** A memo's field, with its label. */
export function TextArea({
  label,
  text,
  ...attributes
}: {
  label: string;
  text: string;
  placeholder?: string;
  autofocus?: boolean;
}) {
  return (
    <label class="field">
      <span>{label}</span>
      <textarea name="text" rows={4} dir="auto" {...attributes}>
        {
          // HTML drops the first line end after the tag: so that it is not one of the text's.
          `\n${text}`
        }
      </textarea>
    </label>
  );
}
